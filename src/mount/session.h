// A mounted vault: FUSE 3, low-level interface, read-only, one request at a time.
//
// Invariant: on every path out of run() the folder is unmounted, or the error says that it is not.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "mount/vault_files.h"

namespace hf::mount {

struct SessionOptions {
  std::string folder;
  bool allow_other = false;        // other users may look; a user needs user_allow_other in /etc/fuse.conf for that
};

class Session {
 public:
  // Mounts. kUnsupported where this machine has no FUSE, kDenied where this user may not mount there, kNotFound where the
  // folder is not. Both references outlive the session.
  static Result<std::unique_ptr<Session>> mount(VaultFiles& files, Log& log, const SessionOptions& options);
  ~Session();                      // unmounts

  // Answers until the folder is unmounted by somebody, or until `stop`; then unmounts it, also while it is in use.
  Status run(std::stop_token stop);
  void unmount();                  // from any thread, and more than once

  struct Parts;

 private:
  explicit Session(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace hf::mount
