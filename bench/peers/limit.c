/* The limit: what a chat server costs when it is nothing but C, epoll and system calls.
 *
 * Speaks the packets of the other peers over WebSocket, with just enough scanning to find the words it needs; no rules,
 * no history, no timers beyond one ping for all. Everything a loop turn has for a connection goes in one write.
 *
 *   limit PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct bytes { char *data; size_t size, space; };
struct room { char name[32]; struct connection **members; int count, space; uint64_t seq; struct bytes outbox; bool waiting; };
struct connection { int fd, place; struct room *room; bool upgraded, waiting; struct bytes rest, own, unsent; };

static struct room *rooms[100000], *room_queue[100000];
static struct connection *connections[100000], *own_queue[100000];
static int epoll, room_count, room_waiting, own_waiting;

static void add(struct bytes *b, const void *data, size_t size) {
    if (b->size + size > b->space) b->data = realloc(b->data, b->space = (b->size + size) * 2);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void empty(struct bytes *b) {
    free(b->data);
    *b = (struct bytes){0};
}

static void add_frame(struct bytes *b, const char *data, size_t size) {
    uint8_t head[4] = {0x81, size < 126 ? size : 126, size >> 8, size};
    add(b, head, size < 126 ? 2 : 4);
    add(b, data, size);
}

/* ---- SHA-1 and base64, for the handshake --------------------------------------------------------------------- */

static uint32_t rotate(uint32_t v, int n) { return v << n | v >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t *block) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++) w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t t = rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static void accept_key(const char *key, char *out) { /* key: 24 characters */
    uint8_t text[128] = {0}, digest[21] = {0};
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(text, key, 24);
    memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    text[60] = 0x80;
    text[126] = 480 >> 8, text[127] = 480 & 255;
    sha1_block(h, text);
    sha1_block(h, text + 64);
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 7; i++) {
        uint32_t v = digest[3 * i] << 16 | digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) *out++ = letters[v >> (18 - 6 * j) & 63];
    }
    out[-1] = '=';
    *out = 0;
}

/* ---- writing: once per connection and turn ------------------------------------------------------------------- */

static void watch(struct connection *c, bool for_writing) {
    struct epoll_event e = {.events = EPOLLIN | (for_writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void write_now(struct connection *c, struct bytes *shared) {
    struct iovec parts[2] = {{c->own.data, c->own.size}, {shared ? shared->data : NULL, shared ? shared->size : 0}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    size_t size = parts[0].iov_len + parts[1].iov_len, sent = 0;
    if (!c->unsent.size) {
        ssize_t n = parts[0].iov_len ? sendmsg(c->fd, &message, MSG_NOSIGNAL) : send(c->fd, parts[1].iov_base, size, MSG_NOSIGNAL);
        if (n > 0) sent = n;
    }
    if (sent < size) {
        if (!c->unsent.size) watch(c, true);
        size_t first = sent < parts[0].iov_len ? sent : parts[0].iov_len;
        add(&c->unsent, (char *)parts[0].iov_base + first, parts[0].iov_len - first);
        add(&c->unsent, (char *)parts[1].iov_base + sent - first, parts[1].iov_len - (sent - first));
    }
    if (c->own.size) empty(&c->own);
    c->waiting = false;
}

static void flush(void) {
    for (int i = 0; i < room_waiting; i++) {
        struct room *r = room_queue[i];
        for (int j = 0; j < r->count; j++) write_now(r->members[j], &r->outbox);
        r->outbox.size = 0;
        r->waiting = false;
    }
    room_waiting = 0;
    for (int i = 0; i < own_waiting; i++)
        if (own_queue[i] && own_queue[i]->waiting) write_now(own_queue[i], NULL);
    own_waiting = 0;
}

static void tell(struct connection *c, const char *data, size_t size) {
    add_frame(&c->own, data, size);
    if (!c->waiting) own_queue[own_waiting++] = c;
    c->waiting = true;
}

/* ---- the chat ------------------------------------------------------------------------------------------------ */

static struct room *room_named(const char *name) {
    for (int i = 0; i < room_count; i++)
        if (!strcmp(rooms[i]->name, name)) return rooms[i];
    struct room *r = calloc(1, sizeof *r);
    snprintf(r->name, sizeof r->name, "%s", name);
    return rooms[room_count++] = r;
}

static const char *value(const char *data, const char *end, const char *key, int *size) {
    const char *at = memmem(data, end - data, key, strlen(key)), *close;
    if (!at || !(close = memchr(at + strlen(key), '"', end - at - strlen(key)))) return NULL;
    at += strlen(key);
    *size = close - at;
    return at;
}

static const char *time_now(void) {
    static char text[40];
    struct timespec t;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &t);
    static time_t second;
    if (t.tv_sec != second) {
        gmtime_r(&t.tv_sec, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
        second = t.tv_sec;
    }
    int ms = t.tv_nsec / 1000000;
    text[20] = '0' + ms / 100, text[21] = '0' + ms / 10 % 10, text[22] = '0' + ms % 10;
    return text;
}

static void join(struct connection *c, const char *data, const char *end) {
    char out[512], name[32];
    int size = 0;
    const char *at = value(data, end, "\"room\":\"", &size);
    snprintf(name, sizeof name, "%.*s", at ? size : 0, at ? at : "");
    struct room *r = c->room = room_named(name);
    if (r->count == r->space) r->members = realloc(r->members, (r->space = r->space * 2 + 16) * sizeof *r->members);
    c->place = r->count;
    r->members[r->count++] = c;
    tell(c, out, snprintf(out, sizeof out, "40{\"sid\":\"s%d\"}", c->fd));
    tell(c, out, snprintf(out, sizeof out, "42[\"welcome\",{\"room\":{\"room_id\":\"%s\"},\"me\":{\"member_id\":\"m%d\"},"
        "\"members\":[],\"events\":[],\"server_time\":\"%s\"}]", name, c->fd, time_now()));
}

static void post(struct connection *c, const char *data, const char *end) {
    static char out[20000];
    int key_size, text_size;
    const char *key = value(data, end, "\"key\":\"", &key_size), *text = value(data, end, "\"text\":\"", &text_size);
    struct room *r = c->room;
    if (!key || !text || !r || text_size > 8000) return;
    int digits = strspn(data + 2, "0123456789");
    unsigned long long seq = ++r->seq;
    int n = snprintf(out, sizeof out, "42[\"event\",{\"seq\":%llu,\"kind\":\"message_posted\",\"at\":\"%s\",\"by\":\"m%d\",\"text\":\"%.*s\",\"key\":\"%.*s\"}]",
        seq, time_now(), c->fd, text_size, text, key_size, key);
    add_frame(&r->outbox, out, n);
    if (!r->waiting) room_queue[room_waiting++] = r;
    r->waiting = true;
    tell(c, out, snprintf(out, sizeof out, "43%.*s[{\"ok\":true,\"seq\":%llu,\"at\":\"%s\"}]", digits, data + 2, seq, time_now()));
}

static void hang_up(struct connection *c) {
    struct room *r = c->room;
    if (r) {
        r->members[c->place] = r->members[--r->count];
        r->members[c->place]->place = c->place;
    }
    for (int i = 0; i < own_waiting; i++)
        if (own_queue[i] == c) own_queue[i] = NULL;
    connections[c->fd] = NULL;
    close(c->fd);
    empty(&c->rest), empty(&c->own), empty(&c->unsent);
    free(c);
}

static bool upgrade(struct connection *c, const char *data, size_t size) {
    char out[400], accept[40];
    const char *key = memmem(data, size, "Sec-WebSocket-Key: ", 19);
    if (!key) return false;
    accept_key(key + 19, accept);
    int n = snprintf(out, sizeof out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    add(&c->own, out, n);
    tell(c, out, snprintf(out, sizeof out, "0{\"sid\":\"e%d\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}", c->fd));
    return c->upgraded = true;
}

/* Returns how much of the data was used, or -1 when the connection is to be closed. */
static ssize_t take(struct connection *c, char *data, size_t size) {
    size_t used = 0;
    if (!c->upgraded) {
        char *end = memmem(data, size, "\r\n\r\n", 4);
        if (!end) return 0;
        if (!upgrade(c, data, size)) return -1;
        used = end + 4 - data;
    }
    while (size - used >= 6) {
        uint8_t *head = (uint8_t *)data + used;
        size_t length = head[1] & 127, skip = 6;
        if (length == 127 || !(head[1] & 128)) return -1;
        if (length == 126) length = head[2] << 8 | head[3], skip = 8;
        if (size - used < skip + length) break;
        char *body = data + used + skip, *mask = body - 4, *end = body + length;
        for (size_t i = 0; i < length; i++) body[i] ^= mask[i & 3];
        if ((head[0] & 15) == 8) return -1;
        if (length > 1 && body[0] == '4' && body[1] == '0') join(c, body, end);
        else if (length > 1 && body[0] == '4' && body[1] == '2') post(c, body, end);
        used += skip + length;
    }
    return used;
}

static void receive(struct connection *c) {
    static char buffer[1 << 18];
    size_t held = c->rest.size;
    if (held > sizeof buffer / 2) return hang_up(c);
    if (held) memcpy(buffer, c->rest.data, held);
    ssize_t got = recv(c->fd, buffer + held, sizeof buffer - held, 0), used;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || (used = take(c, buffer, held + got)) < 0) return hang_up(c);
    if (held) empty(&c->rest);
    if (held + got > (size_t)used) add(&c->rest, buffer + used, held + got - used);
}

static void send_rest(struct connection *c) {
    ssize_t sent = send(c->fd, c->unsent.data, c->unsent.size, MSG_NOSIGNAL);
    if (sent < 0) return;
    memmove(c->unsent.data, c->unsent.data + sent, c->unsent.size - sent);
    if (!(c->unsent.size -= sent)) {
        empty(&c->unsent);
        watch(c, false);
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0), .sin_addr.s_addr = htonl(0x7f000001)};
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    time_t next_ping = time(NULL) + 25;
    for (;;) {
        int n = epoll_wait(epoll, events, 512, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c) {
                if (events[i].events & EPOLLOUT) send_rest(c);
                if (events[i].events & ~EPOLLOUT) receive(c);
                continue;
            }
            for (int fd, k = 0; k < 64 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0; k++) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                c = calloc(1, sizeof *c);
                c->fd = fd;
                e = (struct epoll_event){.events = EPOLLIN, .data.ptr = connections[fd] = c};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
            }
        }
        flush();
        if (time(NULL) >= next_ping) {
            next_ping += 25;
            for (int fd = 0; fd < 100000; fd++)
                if (connections[fd] && connections[fd]->upgraded) tell(connections[fd], "2", 1);
            flush();
        }
    }
}
