// A stand-in for Node's internal header of this name, which eiows wants for TLS connections and no package carries.
// Nothing is encrypted in the benchmark, so the code built on this is never run; all the rest of eiows is untouched.
#pragma once

namespace node {
class BaseObject {};
namespace crypto {
class TLSWrap : public BaseObject {
 public:
  struct Pointer {
    SSL *get() const { return nullptr; }
  };
  const Pointer *getSSL() const { return nullptr; }
};
}  // namespace crypto
}  // namespace node

#define ASSIGN_OR_RETURN_UNWRAP(pointer, object) (void)(object), *(pointer) = nullptr
