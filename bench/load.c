/* A load generator for chat servers that speak Engine.IO v4 / Socket.IO v5 over WebSocket.
 *
 * One thread, one epoll. It opens connections, says CONNECT with a payload of each connection's own, answers pings,
 * posts from some of them, and checks every single delivery: everybody in the room gets every message, once, and all
 * in the same order. It reads the server's CPU time and memory itself, at the very moments a phase begins and ends.
 * Prints one JSON object. `bench/run` drives it; bench/README.md says what the figures mean.
 *
 * `--window` is how many messages of a room are in flight: the next is posted when the poster has seen its own in the
 * room and has the acknowledgement.
 *
 *   load --port P[,P…] --pid SERVER[,SERVER…] --auth FILE --connections N [--senders S] [--window W]
 *        [--saturated WARM,SECONDS] [--fixed DELIVERIES_PER_SECOND,WARM,SECONDS]
 *        [--steps 1000,5000,10000] [--disconnect K] [--concurrent C] [--settle SECONDS] [--beside PID[,PID…]]
 *
 * With `--steered 1` it connects, prints one line, and then does what it is told on standard input, a line at a time, each
 * answered by one line: `saturated WINDOW WARM SECONDS`, `fixed DELIVERIES_PER_SECOND WARM SECONDS`, `check`,
 * `storm PORT PID DELIVERIES_PER_SECOND BEFORE SECONDS`. It ends with the input. So several can be kept waiting, and be
 * measured in turn. A storm kills a server; its people come back to the other ports, as browsers do, while all talk on.
 *
 * With several ports the connections take them in turn, so every room is spread over all servers; a port may be named
 * more often than others. `--beside` are other processes, such as Redis, whose CPU time is told separately.
 *
 * FILE has one line per connection: the room's number, a space, the JSON to connect with.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum state { CONNECTING, UPGRADING, OPENING, JOINING, WELCOMING, READY, CLOSING, CLOSED };

struct connection {
    int fd, room, sender; /* sender: its number, or -1 */
    int port, attempts; /* attempts: to come back, since its server died; 0 before */
    uint64_t again_at;  /* when it tries next; 0: it does not wait to */
    enum state state;
    char *rest; /* a frame that has not arrived whole */
    size_t rest_size, rest_room;
    char *unsent;
    size_t unsent_size, unsent_room;
    uint64_t place;    /* where in the room's order it is */
    uint64_t seen;     /* how many messages came, repeats and all */
    uint64_t sum;      /* of the hashes of the messages it has seen: order does not matter, repeats do */
    uint64_t last_seq; /* of the newest event; 0 until one came */
    const char *auth;
};

struct room {
    uint64_t *order; /* the messages, as the first to see each saw them: sender << 32 | counter */
    uint64_t count, space, sum;
    uint64_t posted, done; /* done: come back to the poster and acknowledged */
    int members, senders, turn;
};

struct sender {
    int connection;
    uint32_t posted, seen, acknowledged, done, ordered;
};

static struct connection *connections;
static struct room *rooms;
static struct sender *senders;
static int connection_count, room_count, sender_count = 40, window = 4, concurrent = 32;
static int opened, pending, ready, closed_by_server, closing_left, turned_away;
static int epoll;
static double settle = 0.5;
static bool posting; /* whoever's post is done posts the next */
static uint64_t deliveries, posts, misordered, misnumbered, refused, other_events, bytes_received, reads;
static char error[200];
static const char *path = "/socket.io/";

#define MOST 64
struct list { int count, values[MOST]; };
static struct list ports, servers, beside; /* beside: processes that are told of separately */

/* Latencies: 64 buckets to each doubling, in units of 1,024 ns. */
#define BUCKETS 2048
static uint64_t histogram[BUCKETS], histogram_of_returns[BUCKETS];
static bool measuring;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void fail(const char *what) {
    if (!error[0]) snprintf(error, sizeof error, "%.190s", what);
}

static double cpu_of(int pid) {
    clockid_t clock;
    struct timespec t;
    if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_of_all(const struct list *pids) {
    double sum = 0;
    for (int i = 0; i < pids->count; i++) sum += cpu_of(pids->values[i]);
    return sum;
}

static double server_cpu(void) {
    return cpu_of_all(&servers);
}

static double own_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static long rss_kb(int pid) {
    char name[64];
    long size = 0, resident = 0;
    snprintf(name, sizeof name, "/proc/%d/statm", pid);
    FILE *f = fopen(name, "r");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &size, &resident) != 2) resident = 0;
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long server_rss_kb(void) {
    long sum = 0;
    for (int i = 0; i < servers.count; i++) sum += rss_kb(servers.values[i]);
    return sum;
}

/* Busy seconds of all cores, whoever made them busy: tells whether the machine was ours alone. */
static double machine_cpu(void) {
    double user, nice, system, idle, wait, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "r");
    if (!f) return 0;
    int n = fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal);
    fclose(f);
    return n == 8 ? (user + nice + system + irq + softirq + steal) / sysconf(_SC_CLK_TCK) : 0;
}

static int bucket_of(uint64_t ns) {
    uint64_t v = ns >> 10;
    if (v < 64) return v;
    int doubling = 63 - __builtin_clzll(v) - 6;
    int bucket = (doubling + 1) * 64 + (int)((v >> doubling) - 64);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double bucket_ms(int bucket) {
    uint64_t v = bucket < 64 ? (uint64_t)bucket : (uint64_t)(64 + bucket % 64) << (bucket / 64 - 1);
    return v * 1024 / 1e6;
}

static double percentile_of(const uint64_t *histogram, double part) {
    uint64_t all = 0, sum = 0;
    for (int i = 0; i < BUCKETS; i++) all += histogram[i];
    for (int i = 0; i < BUCKETS; i++)
        if ((sum += histogram[i]) > all * part) return bucket_ms(i);
    return 0;
}

static double percentile(double part) {
    return percentile_of(histogram, part);
}

static uint64_t hash_of(uint64_t message) {
    message = (message ^ (message >> 31)) * 0x9e3779b97f4a7c15ull;
    message = (message ^ (message >> 29)) * 0xbf58476d1ce4e5b9ull;
    return message ^ (message >> 32);
}

/* ---- sending ------------------------------------------------------------------------------------------------- */

static void watch(struct connection *c, bool for_writing) {
    struct epoll_event e = {.events = EPOLLIN | (for_writing ? EPOLLOUT : 0), .data.u32 = c - connections};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static int dead_port; /* whose people come back elsewhere */
static uint64_t died_at;

/* As in static/js/connection.js: all of the pause is drawn, and it grows with each attempt. */
static void come_back_later(struct connection *c) {
    double longest = 2000 * (1 << (c->attempts > 3 ? 3 : c->attempts));
    if (longest > 10000) longest = 10000;
    c->again_at = now_ns() + (100 + drand48() * (longest - 100)) * 1e6;
    c->attempts++;
    c->rest_size = c->unsent_size = 0;
}

static void drop(struct connection *c) {
    if (c->state == CLOSED) return;
    bool comes_back = dead_port && (c->port == dead_port || c->attempts);
    if (c->state == CLOSING) closing_left--;
    else if (!comes_back) closed_by_server++;
    if (c->state < READY) pending--;
    if (c->state == READY) ready--;
    close(c->fd);
    c->state = CLOSED;
    if (comes_back) come_back_later(c);
}

static void keep_unsent(struct connection *c, const char *data, size_t size) {
    if (c->unsent_size + size > c->unsent_room) {
        c->unsent_room = (c->unsent_size + size) * 2;
        c->unsent = realloc(c->unsent, c->unsent_room);
    }
    memcpy(c->unsent + c->unsent_size, data, size);
    c->unsent_size += size;
}

static void send_bytes(struct connection *c, const char *data, size_t size) {
    if (c->state == CLOSED) return;
    ssize_t sent = 0;
    if (!c->unsent_size) {
        sent = send(c->fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return; /* the reader will see the end */
        if (sent < 0) sent = 0;
    }
    if ((size_t)sent < size) {
        if (!c->unsent_size) watch(c, true);
        keep_unsent(c, data + sent, size - sent);
    }
}

static void send_rest(struct connection *c) {
    ssize_t sent = send(c->fd, c->unsent, c->unsent_size, MSG_NOSIGNAL);
    if (sent < 0) return;
    memmove(c->unsent, c->unsent + sent, c->unsent_size - sent);
    if (!(c->unsent_size -= sent)) watch(c, false);
}

/* A client's frame: masked, as RFC 6455 wants it. Returns its size. */
static size_t frame(char *out, int opcode, const char *data, size_t size) {
    static uint32_t seed = 0x9d2c5680;
    uint8_t mask[4];
    seed = seed * 1664525 + 1013904223;
    memcpy(mask, &seed, 4);
    size_t n = 0;
    out[n++] = 0x80 | opcode;
    if (size < 126) out[n++] = 0x80 | size;
    else {
        out[n++] = 0x80 | 126;
        out[n++] = size >> 8;
        out[n++] = size;
    }
    memcpy(out + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < size; i++) out[n + i] = data[i] ^ mask[i & 3];
    return n + size;
}

static void send_frame(struct connection *c, int opcode, const char *data, size_t size) {
    char out[8192];
    if (size + 16 > sizeof out) return fail("a payload is too long");
    send_bytes(c, out, frame(out, opcode, data, size));
}

static size_t make_post(int number, char *out) {
    char text[400];
    struct sender *s = &senders[number];
    uint32_t counter = ++s->posted;
    int size = snprintf(text, sizeof text,
        "42%u[\"post\",{\"key\":\"k%d-%u\",\"text\":\"~%d.%u.%llu~ The quick brown fox jumps over the lazy dog\"}]",
        counter, number, counter, number, counter, (unsigned long long)now_ns());
    posts++;
    rooms[connections[s->connection].room].posted++;
    return frame(out, 1, text, size);
}

/* Posts until the room's window is full, its senders in turn; what one sender posts at once goes in one write. */
static void fill_window(int number) {
    static char out[65536];
    struct room *r = &rooms[number];
    size_t size = 0;
    int last = -1;
    while (r->senders && r->posted - r->done < (uint64_t)window) {
        int next = number + room_count * (r->turn++ % r->senders); /* as choose_senders() spreads them */
        if (size && (next != last || size + 512 > sizeof out)) {
            send_bytes(&connections[senders[last].connection], out, size);
            size = 0;
        }
        size += make_post(next, out + size);
        last = next;
    }
    if (size) send_bytes(&connections[senders[last].connection], out, size);
}

/* ---- receiving ----------------------------------------------------------------------------------------------- */

static uint64_t number_at(const char **at, const char *end) {
    uint64_t n = 0;
    while (*at < end && **at >= '0' && **at <= '9') n = n * 10 + (*(*at)++ - '0');
    return n;
}

static uint64_t seq_in(const char *data, const char *end) {
    const char *at = memmem(data, end - data, "\"seq\":", 6);
    if (!at) return 0;
    at += 6;
    if (at < end && *at == ' ') at++;
    return number_at(&at, end);
}

/* A post is done when its poster has seen it in the room and has its acknowledgement. */
static void count_done(int number) {
    struct sender *s = &senders[number];
    uint32_t done = s->seen < s->acknowledged ? s->seen : s->acknowledged;
    rooms[connections[s->connection].room].done += done - s->done;
    s->done = done;
}

static void check_order(struct connection *c, uint64_t message) {
    struct room *r = &rooms[c->room];
    uint64_t hash = hash_of(message);
    c->sum += hash;
    c->seen++;
    if (c->place == r->count) { /* the first to see it */
        struct sender *s = &senders[message >> 32];
        if ((uint32_t)message <= s->ordered) { /* not the first at all: it came before */
            misordered++;
            return;
        }
        if ((uint32_t)message != ++s->ordered) {
            misordered++;
            s->ordered = message;
        }
        if (r->count == r->space) r->order = realloc(r->order, (r->space = r->space * 2 + 1024) * sizeof *r->order);
        r->order[r->count++] = message;
        r->sum += hash;
        c->place++;
        return;
    }
    if (r->order[c->place] == message) {
        c->place++;
        return;
    }
    misordered++;
    for (uint64_t i = c->place + 1; i < r->count && i < c->place + 1000; i++)
        if (r->order[i] == message) {
            c->place = i + 1;
            return;
        }
}

static void on_event(struct connection *c, const char *data, const char *end, uint64_t now) {
    uint64_t seq = seq_in(data, end);
    if (seq) {
        if (c->last_seq && seq != c->last_seq + 1) misnumbered++;
        c->last_seq = seq;
    }
    const char *at = memchr(data, '~', end - data);
    if (!at) {
        other_events++;
        return;
    }
    at++;
    uint64_t sender = number_at(&at, end);
    at++;
    uint64_t counter = number_at(&at, end);
    at++;
    uint64_t sent = number_at(&at, end);
    if (sender >= (uint64_t)sender_count || at >= end || *at != '~') return fail("a message came back changed");
    check_order(c, sender << 32 | counter);
    deliveries++;
    if (measuring && !c->attempts) histogram[bucket_of(now - sent)]++;
    if (c->sender == (int)sender) {
        senders[sender].seen++;
        count_done(sender);
    }
}

/* Those who come back are brought what they missed, each event as if it had come alone. */
static void catch_up(struct connection *c, const char *data, const char *end) {
    if (memmem(data, end - data, "\"reset\":true", 12)) misnumbered++;
    const char *at = memmem(data, end - data, "{\"seq\":", 7);
    while (at) {
        const char *next = memmem(at + 7, end - at - 7, "{\"seq\":", 7);
        on_event(c, at, next ? next : end, 0);
        at = next;
    }
    histogram_of_returns[bucket_of(now_ns() - died_at)]++;
}

/* The newest number in the welcome: the first event must be the one after it. */
static void on_welcome(struct connection *c, const char *data, const char *end) {
    if (c->attempts && c->state == WELCOMING) catch_up(c, data, end);
    while ((data = memmem(data, end - data, "\"seq\":", 6))) {
        uint64_t seq = seq_in(data, end);
        if (seq > c->last_seq) c->last_seq = seq;
        data += 6;
    }
    if (c->state != WELCOMING) return;
    c->state = READY;
    pending--;
    ready++;
}

static bool starts(const char *data, const char *end, const char *with) {
    size_t n = strlen(with);
    return (size_t)(end - data) >= n && !memcmp(data, with, n);
}

static void on_text(struct connection *c, const char *data, const char *end, uint64_t now) {
    char out[4096];
    if (starts(data, end, "42[\"event\"")) return on_event(c, data, end, now);
    if (starts(data, end, "43")) {
        if (c->sender >= 0) {
            senders[c->sender].acknowledged++;
            count_done(c->sender);
        }
        if (!memmem(data, end - data, "true", 4)) refused++;
    } else if (starts(data, end, "2")) {
        send_frame(c, 1, "3", 1);
    } else if (starts(data, end, "0{")) {
        int size = c->attempts ? snprintf(out, sizeof out, "40{\"after\":%llu,%s", (unsigned long long)c->last_seq, c->auth + 1)
                               : snprintf(out, sizeof out, "40%s", c->auth);
        send_frame(c, 1, out, size);
        c->state = JOINING;
    } else if (starts(data, end, "40")) {
        if (c->state == JOINING) c->state = WELCOMING;
    } else if (starts(data, end, "42[\"welcome\"")) {
        if (c->state == JOINING) c->state = WELCOMING;
        on_welcome(c, data, end);
    } else if (starts(data, end, "44") && c->attempts) {
        turned_away++;
        drop(c);
    } else if (starts(data, end, "44")) {
        snprintf(out, sizeof out, "refused: %.*s", (int)(end - data > 150 ? 150 : end - data), data);
        fail(out);
    } else if (starts(data, end, "41")) {
        fail("the server disconnected a client");
    }
}

/* Takes the whole frames out of the data; returns how much it used. */
static size_t take_frames(struct connection *c, const char *data, size_t size, uint64_t now) {
    size_t used = 0;
    if (c->state <= UPGRADING) {
        const char *end = memmem(data, size, "\r\n\r\n", 4);
        if (!end) return 0;
        if (!starts(data, data + size, "HTTP/1.1 101") && c->attempts) {
            turned_away++;
            drop(c);
            return size;
        }
        if (!starts(data, data + size, "HTTP/1.1 101")) {
            char what[120];
            snprintf(what, sizeof what, "upgrade refused: %.*s", 60, data);
            fail(what);
            return size;
        }
        c->state = OPENING;
        used = end + 4 - data;
    }
    while (size - used >= 2) {
        const uint8_t *head = (const uint8_t *)data + used;
        size_t length = head[1] & 127, skip = 2;
        if (length == 126) {
            if (size - used < 4) break;
            length = head[2] << 8 | head[3];
            skip = 4;
        } else if (length == 127) {
            if (size - used < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | head[i];
            skip = 10;
        }
        if (size - used < skip + length) break;
        const char *body = data + used + skip;
        if (head[0] == 0x81) on_text(c, body, body + length, now);
        else if (head[0] == 0x89) send_frame(c, 10, body, length);
        else if (head[0] == 0x88) ; /* the end of the stream follows */
        else if (head[0] != 0x8a) fail("a frame of an unexpected kind");
        used += skip + length;
    }
    return used;
}

static void receive(struct connection *c) {
    static char buffer[512 * 1024];
    size_t held = c->rest_size;
    if (held > sizeof buffer / 2) return fail("a frame is too long");
    memcpy(buffer, c->rest, held);
    ssize_t got = recv(c->fd, buffer + held, sizeof buffer - held, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(c);
    reads++;
    bytes_received += got;
    size_t size = held + got, used = take_frames(c, buffer, size, now_ns());
    if (c->state == CLOSED) return;
    c->rest_size = size - used;
    if (c->rest_size > c->rest_room) {
        c->rest_room = c->rest_size + 256;
        c->rest = realloc(c->rest, c->rest_room);
    }
    memcpy(c->rest, buffer + used, c->rest_size);
    if (c->sender >= 0 && posting && c->state == READY) fill_window(c->room);
}

/* ---- connecting ---------------------------------------------------------------------------------------------- */

static void open_connection(struct connection *c) {
    int number = c - connections, on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    from.sin_addr.s_addr = htonl(0x7f000001 + number / 4000); /* 127.0.0.1, .2, …: ports do not run short */
    to.sin_addr.s_addr = htonl(0x7f000001);
    if (bind(c->fd, (void *)&from, sizeof from)) fail("bind failed");
    c->state = CONNECTING;
    struct epoll_event e = {.events = EPOLLOUT, .data.u32 = number};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
    pending++;
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) {
        if (!c->attempts) fail("connect failed");
        drop(c);
    }
}

static void open_one(void) {
    open_connection(&connections[opened++]);
}

static void upgrade(struct connection *c) {
    char out[1024];
    int failed = 0;
    socklen_t size = sizeof failed;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed) {
        if (!c->attempts) fail("connect failed");
        return drop(c);
    }
    watch(c, false);
    c->state = UPGRADING;
    int n = snprintf(out, sizeof out,
        "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Origin: http://127.0.0.1:%d\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nPragma: no-cache\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, c->port, c->port);
    send_bytes(c, out, n);
}

/* ---- phases -------------------------------------------------------------------------------------------------- */

static void turn(int64_t wait_ns) {
    struct epoll_event events[512];
    struct timespec t = {wait_ns / 1000000000, wait_ns % 1000000000};
    int n = epoll_pwait2(epoll, events, 512, &t, NULL);
    for (int i = 0; i < n; i++) {
        struct connection *c = &connections[events[i].data.u32];
        if (c->state == CLOSED) continue;
        if (c->state == CONNECTING) {
            upgrade(c);
            continue;
        }
        if (events[i].events & EPOLLOUT) send_rest(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
    }
}

static void run_for(double seconds) {
    uint64_t end = now_ns() + seconds * 1e9, now;
    while ((now = now_ns()) < end) turn(end - now);
}

static void connect_up_to(int count) {
    uint64_t deadline = now_ns() + 120ull * 1000000000;
    while (ready < count && !error[0] && !closed_by_server && now_ns() < deadline) {
        while (opened < count && pending < concurrent) open_one();
        turn(100000000);
    }
    if (ready < count) fail(closed_by_server ? "the server closed a connection" : "not all connections were welcomed in time");
}

/* Posts at a fixed rate, sender by sender in turn, whatever the server does (but never more than 2,000 ahead). */
static void run_fixed(double posts_per_second, double seconds) {
    static int turn_of;
    uint64_t start = now_ns(), end = start + seconds * 1e9, now, made = 0;
    char out[1024];
    while ((now = now_ns()) < end) {
        uint64_t next = start + (made + 1) * 1e9 / posts_per_second;
        if (now >= next) {
            struct sender *s = &senders[turn_of];
            if (s->posted - s->acknowledged < 2000) send_bytes(&connections[s->connection], out, make_post(turn_of, out));
            turn_of = (turn_of + 1) % sender_count;
            made++;
            turn(0);
        } else turn(next < end ? next - now : end - now);
    }
}

static bool all_came(void) {
    for (int i = 0; i < sender_count; i++)
        if (senders[i].seen != senders[i].posted || senders[i].acknowledged != senders[i].posted) return false;
    for (int i = 0; i < connection_count; i++)
        if (connections[i].seen < rooms[connections[i].room].count) return false;
    return true;
}

static void drain(void) {
    uint64_t deadline = now_ns() + 20ull * 1000000000, quiet = now_ns(), before = deliveries;
    while (!all_came() && now_ns() < deadline && now_ns() - quiet < 3000000000ull) {
        turn(20000000);
        if (deliveries != before) quiet = now_ns(), before = deliveries;
    }
    run_for(0.05); /* would show what comes twice */
}

struct sample { double server, own, machine, each[MOST], beside[MOST]; uint64_t at, deliveries, posts, reads, bytes; };

static struct sample take_sample(void) {
    struct sample s = {server_cpu(), own_cpu(), machine_cpu(), {0}, {0}, now_ns(), deliveries, posts, reads, bytes_received};
    for (int i = 0; i < servers.count; i++) s.each[i] = cpu_of(servers.values[i]);
    for (int i = 0; i < beside.count; i++) s.beside[i] = cpu_of(beside.values[i]);
    return s;
}

/* The share of a core that each of some processes took. */
static void print_busy(const char *name, int count, const double *before, const double *after, double seconds) {
    printf(",\"%s\":[", name);
    for (int i = 0; i < count; i++) printf("%s%.5f", i ? "," : "", (after[i] - before[i]) / seconds);
    printf("]");
}

static void print_phase(const char *name, struct sample a, struct sample b) {
    double seconds = (b.at - a.at) / 1e9, count = b.deliveries - a.deliveries;
    double others = b.machine - a.machine - (b.server - a.server) - (b.own - a.own);
    printf(",\"%s\":{\"seconds\":%.3f,\"deliveries\":%.0f,\"posts\":%llu,\"deliveries_per_second\":%.0f,"
           "\"server_us_per_delivery\":%.3f,\"server_busy\":%.3f,\"load_busy\":%.3f,\"others_busy\":%.3f,\"frames_per_read\":%.2f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f",
           name, seconds, count, (unsigned long long)(b.posts - a.posts), count / seconds,
           count ? (b.server - a.server) / count * 1e6 : 0, (b.server - a.server) / seconds, (b.own - a.own) / seconds,
           others > 0 ? others / seconds : 0,
           b.reads - a.reads ? count / (b.reads - a.reads) : 0, percentile(0.50), percentile(0.99));
    print_busy("each_busy", servers.count, a.each, b.each, seconds);
    print_busy("beside_busy", beside.count, a.beside, b.beside, seconds);
    printf("}");
}

static void start_measuring(void) {
    memset(histogram, 0, sizeof histogram);
    measuring = true;
}

static void saturated_phase(double warm, double seconds) {
    posting = true;
    for (int i = 0; i < room_count; i++) fill_window(i);
    run_for(warm);
    start_measuring();
    struct sample a = take_sample();
    run_for(seconds);
    struct sample b = take_sample();
    measuring = posting = false;
    print_phase("saturated", a, b);
    drain();
}

static void fixed_phase(double rate, double warm, double seconds) {
    double per_post = (double)connection_count / room_count;
    run_fixed(rate / per_post, warm);
    start_measuring();
    struct sample a = take_sample();
    run_fixed(rate / per_post, seconds);
    struct sample b = take_sample();
    measuring = false;
    print_phase("fixed", a, b);
    drain();
}

static void steps_phase(char *list) {
    int before = 0;
    printf(",\"rss_empty_kb\":%ld,\"steps\":[", server_rss_kb());
    for (char *at = strtok(list, ","); at && !error[0]; at = strtok(NULL, ",")) {
        int count = atoi(at);
        double cpu = server_cpu();
        uint64_t start = now_ns();
        connect_up_to(count);
        double spent = server_cpu() - cpu, took = (now_ns() - start) / 1e9;
        run_for(settle);
        printf("%s{\"connections\":%d,\"rss_kb\":%ld,\"connect_ms\":%.4f,\"seconds\":%.2f}", before ? "," : "", count,
               server_rss_kb(), spent / (count - before) * 1e3, took);
        before = count;
    }
    printf("]");
}

/* Says goodbye as a closed tab does (a close frame, 1001), waits for the server to hang up, takes away what idling costs. */
static void disconnect_phase(int count) {
    double cpu = server_cpu();
    uint64_t start = now_ns();
    run_for(settle);
    double idle = (server_cpu() - cpu) / ((now_ns() - start) / 1e9);
    int others = ready - count, every = ready / count;
    cpu = server_cpu();
    start = now_ns();
    closing_left = 0;
    for (int i = 0, left = count; i < opened && left; i += every) {
        struct connection *c = &connections[i];
        if (c->state != READY) continue;
        send_frame(c, 8, "\x03\xe9", 2);
        c->state = CLOSING;
        ready--, left--, closing_left++;
        turn(2000000); /* one every two milliseconds or so: people do not leave all at once */
    }
    uint64_t deadline = now_ns() + 10ull * 1000000000;
    while (closing_left && now_ns() < deadline) turn(50000000);
    if (closing_left) fail("the server did not hang up on those who left");
    run_for(settle);
    double seconds = (now_ns() - start) / 1e9;
    printf(",\"disconnect\":{\"count\":%d,\"others\":%d,\"ms\":%.4f,\"idle_busy\":%.4f,\"rss_kb\":%ld}", count, others,
           (server_cpu() - cpu - idle * seconds) / count * 1e3, idle, server_rss_kb());
}

/* ---- a storm ------------------------------------------------------------------------------------------------- */

static double cpu_without(int pid) {
    return server_cpu() - cpu_of(pid);
}

/* Opens again what is due, at the next of the ports that are left. */
static void open_again(void) {
    static int turn_of;
    static uint64_t looked_at;
    uint64_t now = now_ns();
    if (now - looked_at < 5000000) return;
    looked_at = now;
    for (int i = 0; i < opened; i++) {
        struct connection *c = &connections[i];
        if (!c->again_at || c->again_at > now) continue;
        c->again_at = 0;
        do c->port = ports.values[turn_of++ % ports.count];
        while (c->port == dead_port);
        open_connection(c);
    }
}

/* Goes on posting until the time is over, or once `until` are connected, and tells how long that took. */
static double talk(double posts_per_second, double seconds, int until) {
    static int turn_of;
    char out[1024];
    uint64_t start = now_ns(), end = start + seconds * 1e9, now, made = 0;
    while ((now = now_ns()) < end && (!until || ready < until)) {
        uint64_t next = start + (made + 1) * 1e9 / posts_per_second;
        if (now >= next) {
            struct sender *s = &senders[turn_of];
            if (connections[s->connection].state == READY)
                send_bytes(&connections[s->connection], out, make_post(turn_of, out));
            turn_of = (turn_of + 1) % sender_count;
            made++;
            turn(0);
        } else turn(next - now < 5000000 ? next - now : 5000000);
        if (dead_port) open_again();
    }
    return (now_ns() - start) / 1e9;
}

struct spent { double seconds, servers, beside; };

static struct spent spend(int pid, double rate, double seconds, int until) {
    double servers_before = cpu_without(pid), beside_before = cpu_of_all(&beside);
    start_measuring();
    double took = talk(rate, seconds, until);
    measuring = false;
    return (struct spent){took, cpu_without(pid) - servers_before, cpu_of_all(&beside) - beside_before};
}

static void print_spent(const char *name, struct spent s) {
    printf(",\"%s\":{\"seconds\":%.3f,\"server_seconds\":%.4f,\"beside_seconds\":%.4f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f}",
           name, s.seconds, s.servers, s.beside, percentile(0.50), percentile(0.99), percentile(0.99999));
}

/* Latencies are those of the people whose server lives; senders have to be among them. */
static void storm_phase(int of_port, int pid, double rate, double before, double seconds) {
    double per_second = rate * room_count / connection_count;
    int all = ready, lost = 0;
    for (int i = 0; i < opened; i++) lost += connections[i].port == of_port;
    for (int i = 0; i < sender_count; i++)
        if (connections[senders[i].connection].port == of_port) return fail("a sender is on the server that is to die");
    talk(per_second, before / 3, 0);
    struct spent s = spend(pid, per_second, before, 0);
    printf(",\"storm\":{\"lost\":%d,\"stayed\":%d", lost, all - lost);
    print_spent("before", s);
    dead_port = of_port;
    died_at = now_ns();
    if (kill(pid, SIGKILL)) return fail("the server could not be killed");
    spend(pid, per_second, 0.05, 0); /* the kernel closes its sockets */
    s = spend(pid, per_second, seconds, all);
    print_spent("during", s);
    int missing = all - ready;
    s = spend(pid, per_second, 12, 0); /* the others find out that the server is dead */
    print_spent("after", s);
    printf(",\"missing\":%d,\"turned_away\":%d,\"return_p50_ms\":%.1f,\"return_p99_ms\":%.1f,\"return_worst_ms\":%.1f}",
           missing, turned_away, percentile_of(histogram_of_returns, 0.5), percentile_of(histogram_of_returns, 0.99),
           percentile_of(histogram_of_returns, 0.99999));
    drain();
}

static void print_checks(void);

static bool is_told(char *line, size_t size) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (!poll(&input, 1, 0)) turn(5000000);
    return fgets(line, size, stdin);
}

static void obey(void) {
    char line[200];
    double a, b, c;
    int dead, pid;
    setvbuf(stdin, NULL, _IONBF, 0); /* what is buffered, poll() does not see */
    while (is_told(line, sizeof line)) {
        printf("{\"connections\":%d", ready);
        if (sscanf(line, "saturated %lf %lf %lf", &a, &b, &c) == 3) {
            window = a;
            saturated_phase(b, c);
        } else if (sscanf(line, "fixed %lf %lf %lf", &a, &b, &c) == 3) fixed_phase(a, b, c);
        else if (sscanf(line, "storm %d %d %lf %lf %lf", &dead, &pid, &a, &b, &c) == 5) storm_phase(dead, pid, a, b, c);
        else if (!strcmp(line, "check\n")) print_checks();
        else fail("an order that is not known");
        if (error[0]) return;
        printf("}\n");
        fflush(stdout);
    }
    exit(0);
}

static void print_checks(void) {
    uint64_t missing = 0, doubled = 0, mixed = 0, unacknowledged = 0, expected = 0;
    for (int i = 0; i < connection_count; i++) {
        struct connection *c = &connections[i];
        struct room *r = &rooms[c->room];
        expected += r->count;
        if (c->seen < r->count) missing += r->count - c->seen;
        else if (c->seen > r->count) doubled += c->seen - r->count;
        else if (c->sum != r->sum) mixed++;
    }
    for (int i = 0; i < sender_count; i++) {
        if (senders[i].ordered < senders[i].posted) missing += senders[i].posted - senders[i].ordered;
        unacknowledged += senders[i].posted - senders[i].acknowledged;
    }
    bool good = !missing && !doubled && !mixed && !misordered && !misnumbered && !unacknowledged && !refused;
    printf(",\"checked\":{\"good\":%s,\"deliveries\":%llu,\"expected\":%llu,\"missing\":%llu,\"doubled\":%llu,"
           "\"mixed_up\":%llu,\"out_of_order\":%llu,\"seq_holes\":%llu,\"unacknowledged\":%llu,\"refused\":%llu,"
           "\"other_events\":%llu,\"closed_by_server\":%d}",
           good ? "true" : "false", (unsigned long long)deliveries, (unsigned long long)expected, (unsigned long long)missing,
           (unsigned long long)doubled, (unsigned long long)mixed, (unsigned long long)misordered,
           (unsigned long long)misnumbered, (unsigned long long)unacknowledged, (unsigned long long)refused,
           (unsigned long long)other_events, closed_by_server);
}

/* ---- setting up ---------------------------------------------------------------------------------------------- */

static void read_auths(const char *name) {
    FILE *f = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    if (!f) {
        perror(name);
        exit(1);
    }
    for (int i = 0; i < connection_count; i++) {
        if ((size = getline(&line, &room, f)) < 0) {
            fprintf(stderr, "%s has too few lines\n", name);
            exit(1);
        }
        if (line[size - 1] == '\n') line[size - 1] = 0;
        char *json;
        connections[i].room = strtol(line, &json, 10);
        connections[i].auth = strdup(json + 1);
        connections[i].sender = -1;
        connections[i].port = ports.values[i % ports.count];
        if (connections[i].room >= room_count) room_count = connections[i].room + 1;
    }
    fclose(f);
    rooms = calloc(room_count, sizeof *rooms);
    for (int i = 0; i < connection_count; i++) rooms[connections[i].room].members++;
}

/* Senders are spread over the rooms: the first member of each, then the second of each, and so on. */
static void choose_senders(void) {
    if (sender_count > connection_count) sender_count = connection_count;
    senders = calloc(sender_count, sizeof *senders);
    for (int i = 0; i < sender_count; i++)
        for (int j = 0; j < connection_count; j++)
            if (connections[j].room == i % room_count && connections[j].sender < 0) {
                connections[j].sender = i;
                senders[i].connection = j;
                rooms[i % room_count].senders++;
                break;
            }
}

static void read_list(char *text, struct list *list) {
    for (char *at = strtok(text, ","); at && list->count < MOST; at = strtok(NULL, ",")) list->values[list->count++] = atoi(at);
}

int main(int argc, char **argv) {
    static struct option options[] = {
        {"port", 1, 0, 'p'}, {"pid", 1, 0, 'i'}, {"auth", 1, 0, 'a'}, {"connections", 1, 0, 'n'}, {"senders", 1, 0, 's'},
        {"window", 1, 0, 'w'}, {"saturated", 1, 0, 'S'}, {"fixed", 1, 0, 'F'}, {"steps", 1, 0, 't'},
        {"disconnect", 1, 0, 'd'}, {"concurrent", 1, 0, 'c'}, {"settle", 1, 0, 'e'},
        {"beside", 1, 0, 'b'}, {"steered", 1, 0, 'r'}, {0, 0, 0, 0}};
    const char *auth = NULL;
    char *steps = NULL;
    double warm = 0, seconds = 0, rate = 0, fixed_warm = 0, fixed_seconds = 0;
    int letter, leave = 0, steered = 0;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) switch (letter) {
        case 'p': read_list(optarg, &ports); break;
        case 'i': read_list(optarg, &servers); break;
        case 'b': read_list(optarg, &beside); break;
        case 'r': steered = atoi(optarg); break;
        case 'a': auth = optarg; break;
        case 'n': connection_count = atoi(optarg); break;
        case 's': sender_count = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'S': sscanf(optarg, "%lf,%lf", &warm, &seconds); break;
        case 'F': sscanf(optarg, "%lf,%lf,%lf", &rate, &fixed_warm, &fixed_seconds); break;
        case 't': steps = optarg; break;
        case 'd': leave = atoi(optarg); break;
        case 'c': concurrent = atoi(optarg); break;
        case 'e': settle = atof(optarg); break;
        default: return 2;
    }
    if (!auth || !ports.count || connection_count < 1 || window < 1) {
        fprintf(stderr, "usage: load --port P --pid SERVER --auth FILE --connections N … (see the top of load.c)\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    connections = calloc(connection_count, sizeof *connections);
    read_auths(auth);
    choose_senders();

    printf("{\"connections\":%d,\"rooms\":%d,\"senders\":%d,\"window\":%d", connection_count, room_count, sender_count, window);
    if (steps) steps_phase(steps);
    else {
        double cpu = server_cpu();
        uint64_t start = now_ns();
        connect_up_to(connection_count);
        printf(",\"connect_ms\":%.4f,\"connect_seconds\":%.2f", (server_cpu() - cpu) / connection_count * 1e3,
               (now_ns() - start) / 1e9);
        if (!error[0]) run_for(settle);
    }
    if (!error[0] && steered) {
        printf("}\n");
        fflush(stdout);
        obey();
    }
    if (!error[0] && seconds > 0) saturated_phase(warm, seconds);
    if (!error[0] && fixed_seconds > 0) fixed_phase(rate, fixed_warm, fixed_seconds);
    if (!error[0]) print_checks();
    if (!error[0] && leave > 0) disconnect_phase(leave);
    if (error[0]) {
        for (char *at = error; *at; at++)
            if (*at == '"' || *at == '\\' || (unsigned char)*at < 32) *at = '\'';
        printf(",\"error\":\"%s\"", error);
    }
    printf("}\n");
    return error[0] ? 1 : 0;
}
