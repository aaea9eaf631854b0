// A store: named, immutable objects in a directory, in a bucket, or in memory. All of a vault lies in one.
//
// The only conditional operation is creating an object where none is; everything that must happen once (a lease, its
// fate, a commit number, an epoch) rests on it. A call may fail and have happened all the same (Effect::kMaybe): who
// needs to know reads the object back, which carries a nonce of its writer (names.h says which do).
// Every call may come from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "io/files.h"
#include "io/process.h"

namespace hf::vault {

enum class PutMode : std::uint8_t {
  kCreate,    // kExists, and nothing changed, if the name is taken: exactly one of several callers wins
  kReplace,   // lease beats only: readers see the old bytes or the new ones, never a part
};

struct ByteRange {
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;   // to the end if absent
};

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;
  WallTime modified{};                   // the store's own clock
  std::string storage_class{};           // of listings of an object store; "": standard
};

struct StoreProperties {
  std::string kind;                      // "directory", "s3", "memory"
  std::string place;                     // for messages: the path, or the address without its options
  bool conditional_create = true;
  bool single_writer = false;            // the address accepts that there is no conditional creation
};

// What was found out about a store by trying (probe.h); kept in the store's own object.
struct StoreAbilities {
  bool conditional_create = true;        // without it: one writer at a time, and no prune beside anything else
  bool reads_its_writes = true;          // at once
  bool lists_its_writes = true;
  bool removes = true;                   // with the credentials of who tried
  bool locks = false;                    // Object Lock, and the address asks for it
  std::optional<WallTime> probed_at;     // never: the rest is assumed
};

class Keeper;

class Store {
 public:
  virtual ~Store() = default;
  // Returns when the bytes and the name are durable. kExists as above; kExhausted on a full disk or quota.
  virtual Status put(const std::string& name, ByteView bytes, PutMode mode) = 0;
  // kNotFound if absent; kCorrupt if the object is shorter than the range asked for.
  virtual Result<Bytes> get(const std::string& name, ByteRange range) = 0;
  virtual Result<ObjectInfo> stat(const std::string& name) = 0;
  // Every object whose name begins with `prefix` ("packs/", or "" for all), in name order; an error of `each` ends the
  // listing and is returned. What is put or removed meanwhile may or may not be seen. An absent prefix lists nothing.
  virtual Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) = 0;
  virtual Status remove(const std::string& name) = 0;   // absent is fine
  virtual StoreProperties properties() const = 0;
  virtual Keeper* keeper() { return nullptr; }          // locks, storage classes and archives, where it has them (keeper.h)

  Result<Bytes> get(const std::string& name) { return get(name, ByteRange{}); }
};

// Object names: 1 to 8 parts of [a-z0-9._-], each of 1 to 64 characters and not beginning with '.' or '-', joined by '/'.
// kInvalid otherwise. No store ever turns a name into something outside itself.
Status check_object_name(std::string_view name);
inline constexpr std::uint64_t kMaxObjectBytes = std::uint64_t{1} << 30;   // an object is held in memory as a whole

// What stores are made from; all but the environment outlives them.
struct StoreContext {
  Files& files;
  crypto::Entropy& entropy;
  Clock& clock;
  Log& log;
  std::map<std::string, std::string> environment;   // AWS_*, HOME, *_PROXY
  std::stop_token stop;                             // ends what waits for an object store
  Processes* processes = nullptr;                   // for credentials that a program gives; outlives them too
};

// "/path", "./path" or "file:///path" -> a DirectoryStore; "s3://bucket/prefix?..." -> an S3Store (s3_address.h). Nothing is
// created, read or asked yet. kUsage for what is neither, kind words for what is almost.
Result<std::unique_ptr<Store>> open_store(const StoreContext& context, const std::string& url);
// Directories only; s3:// is kUnsupported.
Result<std::unique_ptr<Store>> open_store(Files& files, crypto::Entropy& entropy, const std::string& url);

}  // namespace hf::vault
