#include "mount/session.h"

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/descriptor.h"

namespace hf::mount {

struct Session::Parts {
  Parts(VaultFiles& files_in, Log& log_in) : files(files_in), log(log_in) {}
  ~Parts() {
    if (session == nullptr) return;
    if (mounted.exchange(false)) fuse_session_unmount(session);
    fuse_session_destroy(session);
  }
  VaultFiles& files;
  Log& log;
  fuse_session* session = nullptr;
  std::atomic<bool> mounted = false;
};

namespace {

constexpr double kForever = 86'400;                // seconds for which the kernel may keep an answer: it never changes
constexpr std::uint64_t kStatBlock = 512;
constexpr std::uint32_t kBlockSize = 4096;

Session::Parts& parts_of(fuse_req_t request) { return *static_cast<Session::Parts*>(fuse_req_userdata(request)); }

int errno_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kNotFound: return ENOENT;
    case ErrorKind::kInvalid: return EINVAL;
    case ErrorKind::kDenied: return EACCES;
    default: return EIO;
  }
}

// Damage and a store that does not answer are told; a name that is not there is everyday.
void refuse(fuse_req_t request, const Error& error) {
  const int code = errno_of(error);
  if (code == EIO) parts_of(request).log.error("mount", "read_failed", {{"why", error.text}});
  fuse_reply_err(request, code);
}

struct ::stat stat_of(NodeId node, const Attributes& a) {
  struct ::stat st{};
  st.st_ino = node;
  st.st_mode = a.mode;
  st.st_nlink = a.links;
  st.st_uid = a.uid;
  st.st_gid = a.gid;
  st.st_rdev = a.rdev;
  st.st_size = static_cast<off_t>(a.size);
  st.st_blksize = kBlockSize;
  st.st_blocks = static_cast<blkcnt_t>((a.data_bytes + kStatBlock - 1) / kStatBlock);
  st.st_mtim = {static_cast<time_t>(a.mtime.seconds), static_cast<long>(a.mtime.nanoseconds)};
  st.st_atim = st.st_mtim;
  st.st_ctim = {static_cast<time_t>(a.ctime.seconds), static_cast<long>(a.ctime.nanoseconds)};
  return st;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  VaultFiles& files = parts_of(request).files;
  const auto node = files.lookup(parent, name);
  if (!node) return refuse(request, node.error());
  const auto attributes = files.attributes(*node);
  if (!attributes) {
    files.forget(*node, 1);
    return refuse(request, attributes.error());
  }
  fuse_entry_param entry{};
  entry.ino = *node;
  entry.attr = stat_of(*node, *attributes);
  entry.attr_timeout = kForever;
  entry.entry_timeout = kForever;
  if (fuse_reply_entry(request, &entry) != 0) files.forget(*node, 1);
}

void on_forget(fuse_req_t request, fuse_ino_t node, std::uint64_t count) {
  parts_of(request).files.forget(node, count);
  fuse_reply_none(request);
}

void on_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
  for (std::size_t i = 0; i < count; ++i) parts_of(request).files.forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void on_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  const auto attributes = parts_of(request).files.attributes(node);
  if (!attributes) return refuse(request, attributes.error());
  const struct ::stat st = stat_of(node, *attributes);
  fuse_reply_attr(request, &st, kForever);
}

void on_readlink(fuse_req_t request, fuse_ino_t node) {
  const auto target = parts_of(request).files.link_target(node);
  if (!target) return refuse(request, target.error());
  fuse_reply_readlink(request, target->c_str());
}

void on_open(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
  if ((info->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(request, EROFS);
    return;
  }
  const auto handle = parts_of(request).files.open_file(node);
  if (!handle) return refuse(request, handle.error());
  info->fh = *handle;
  info->keep_cache = 1;
  if (fuse_reply_open(request, info) != 0) parts_of(request).files.close_file(*handle);
}

void on_read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  const auto bytes = parts_of(request).files.read(info->fh, static_cast<std::uint64_t>(offset), size);
  if (!bytes) return refuse(request, bytes.error());
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  parts_of(request).files.close_file(info->fh);
  fuse_reply_err(request, 0);
}

using Listing = std::vector<NameInFolder>;

void on_opendir(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
  auto names = parts_of(request).files.list(node);
  if (!names) return refuse(request, names.error());
  auto listing = std::make_unique<Listing>(Listing{{".", S_IFDIR}, {"..", S_IFDIR}});
  listing->insert(listing->end(), std::make_move_iterator(names->begin()), std::make_move_iterator(names->end()));
  info->fh = reinterpret_cast<std::uintptr_t>(listing.get());
  info->cache_readdir = 1;
  info->keep_cache = 1;
  if (fuse_reply_open(request, info) == 0) (void)listing.release();    // until on_releasedir
}

void on_readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  const auto& listing = *reinterpret_cast<const Listing*>(info->fh);
  std::string out(size, '\0');
  std::size_t used = 0;
  for (auto i = static_cast<std::size_t>(offset); i < listing.size(); ++i) {
    struct ::stat st{};
    st.st_ino = ~ino_t{0};                         // not known before it is looked up
    st.st_mode = listing[i].mode;
    const std::size_t need =
        fuse_add_direntry(request, out.data() + used, size - used, listing[i].name.c_str(), &st, static_cast<off_t>(i + 1));
    if (need > size - used) break;
    used += need;
  }
  fuse_reply_buf(request, out.data(), used);
}

void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  const std::unique_ptr<Listing> last(reinterpret_cast<Listing*>(info->fh));
  fuse_reply_err(request, 0);
}

// Both calls ask first how much there is, with a size of 0.
void reply_sized(fuse_req_t request, ByteView bytes, std::size_t size) {
  if (size == 0) fuse_reply_xattr(request, bytes.size());
  else if (bytes.size() > size) fuse_reply_err(request, ERANGE);
  else fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void on_getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
  const auto xattrs = parts_of(request).files.xattrs(node);
  if (!xattrs) return refuse(request, xattrs.error());
  for (const vault::Xattr& x : *xattrs) {
    if (x.name == name) return reply_sized(request, x.value, size);
  }
  fuse_reply_err(request, ENODATA);
}

void on_listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size) {
  const auto xattrs = parts_of(request).files.xattrs(node);
  if (!xattrs) return refuse(request, xattrs.error());
  std::string names;
  for (const vault::Xattr& x : *xattrs) names.append(x.name).push_back('\0');
  reply_sized(request, as_bytes(names), size);
}

const fuse_lowlevel_ops kOperations = [] {
  fuse_lowlevel_ops ops{};
  ops.lookup = on_lookup;
  ops.forget = on_forget;
  ops.forget_multi = on_forget_multi;
  ops.getattr = on_getattr;
  ops.readlink = on_readlink;
  ops.open = on_open;
  ops.read = on_read;
  ops.release = on_release;
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.releasedir = on_releasedir;
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
  return ops;
}();

Status check_folder(const std::string& folder) {
  struct ::stat st{};
  if (::stat(folder.c_str(), &st) < 0)
    return errno_error(errno, "looking at", folder).with_hint("Make the folder first: mkdir " + folder);
  if (!S_ISDIR(st.st_mode))
    return make_error(ErrorKind::kBlocked, folder + " is not a folder").with_hint("Give an empty folder.");
  if (::access("/dev/fuse", R_OK | W_OK) == 0) return ok();
  if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
    return make_error(ErrorKind::kUnsupported, "this machine has no FUSE: /dev/fuse is absent")
        .with_hint("Load the module fuse, or give the container /dev/fuse; `holdfast restore --include` needs none of it.");
  return errno_error(errno, "opening", "/dev/fuse");
}

}  // namespace

Session::Session(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::mount(VaultFiles& files, Log& log, const SessionOptions& options) {
  HF_TRY(check_folder(options.folder));
  auto parts = std::make_unique<Parts>(files, log);
  std::string words = "ro,nosuid,nodev,fsname=holdfast,subtype=holdfast";
  if (options.allow_other) words += ",allow_other,default_permissions";
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  for (const std::string& word : {std::string("holdfast"), std::string("-o"), words}) fuse_opt_add_arg(&arguments, word.c_str());
  parts->session = fuse_session_new(&arguments, &kOperations, sizeof kOperations, parts.get());
  fuse_opt_free_args(&arguments);
  if (parts->session == nullptr) return make_error(ErrorKind::kFailed, "FUSE did not accept the options of the mount");
  if (fuse_session_mount(parts->session, options.folder.c_str()) != 0) {
    return make_error(ErrorKind::kDenied, "mounting on " + options.folder + " was refused; what FUSE says stands above")
        .with_hint("As a user: the package fuse3 must be installed, and the folder must be yours.");
  }
  parts->mounted = true;
  return std::unique_ptr<Session>(new Session(std::move(parts)));
}

void Session::unmount() {
  if (parts_->mounted.exchange(false)) fuse_session_unmount(parts_->session);
}

Status Session::run(std::stop_token stop) {
  const StopWake wake(stop);
  fuse_buf buffer{};
  Status ended;
  while (!stop.stop_requested() && fuse_session_exited(parts_->session) == 0) {
    pollfd wait[2] = {{fuse_session_fd(parts_->session), POLLIN, 0}, {wake.fd(), POLLIN, 0}};
    if (::poll(wait, 2, -1) < 0 && errno != EINTR) {
      ended = errno_error(errno, "waiting for", "the mounted folder");
      break;
    }
    if (wait[0].revents == 0) continue;
    const int got = fuse_session_receive_buf(parts_->session, &buffer);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got < 0) ended = errno_error(-got, "reading from", "/dev/fuse");
    if (got <= 0) break;                       // 0: somebody unmounted it
    fuse_session_process_buf(parts_->session, &buffer);
  }
  std::free(buffer.mem);                       // libfuse allocates it with malloc
  unmount();
  return ended;
}

}  // namespace hf::mount
