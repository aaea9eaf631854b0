#include "sources/files/sink.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/files/metadata.h"

namespace hf::sources {
namespace {

constexpr unsigned kPrivate = 0600;
constexpr std::size_t kOpenFiles = 128;        // written at the same time; the usual limit is 1024 descriptors

unsigned creation_mask() {
  const mode_t mask = ::umask(077);            // there is no other way to ask; for a moment new files are more private
  ::umask(mask);
  return mask;
}

}  // namespace

FileSink::FileSink(Folders& folders, std::string tag, bool skip_damaged, Progress progress)
    : folders_(folders), tag_(std::move(tag)), skip_damaged_(skip_damaged), progress_(progress), mask_(creation_mask()) {}

void FileSink::begin(std::span<const NumberedFile> batch) {
  places_.clear();
  for (const NumberedFile& file : batch) {
    Place place{.entry = &file.entry, .number = file.number};
    std::string folder = parent_of(file.entry.path);
    place.temporary = !folders_.fresh(folder);
    for (const vault::Extent& extent : file.entry.extents) place.bytes += extent.hole ? 0 : extent.length;
    place.missing = place.bytes;
    places_.push_back(place);
    if (!place.temporary) continue;
    if (temporaries_.empty() || temporaries_.back().folder != folder)
      temporaries_.push_back({std::move(folder), place.number, place.number});
    temporaries_.back().last = place.number;
  }
}

std::string FileSink::temporary_name(std::uint64_t number) const { return tag_ + "-" + std::to_string(number); }

std::string FileSink::name(const Place& place) const {
  return place.temporary ? temporary_name(place.number) : name_of(place.entry->path);
}

// The bits it gets, where nobody else can reach it yet; else this user's alone, as attributes ask for the right to write.
unsigned FileSink::final_mode(std::uint64_t file) const {
  const Place& place = places_[file];
  return place.temporary || !place.entry->xattrs.empty() ? kPrivate : place.entry->mode & 0777;
}

Result<Descriptor> FileSink::create(std::uint64_t file, unsigned mode) {
  Place& place = places_[file];
  progress_.item("/", place.entry->path);
  HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(place.entry->path)));
  Descriptor fd(::openat(folder->get(), name(place).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return errno_error(errno, "creating", place.entry->path);
  place.created = true;
  return fd;
}

Status FileSink::write_all(int fd, std::uint64_t file, std::uint64_t offset, ByteView bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "writing", places_[file].entry->path);
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return ok();
}

Status FileSink::complete(std::uint64_t file, int fd, unsigned created) {
  const Place& place = places_[file];
  progress_.add(Counted::kFiles);
  std::vector<std::string> why;
  const bool plain = !place.temporary && folders_.plain();
  set_metadata(fd, *place.entry, plain ? std::optional<unsigned>(created & ~mask_) : std::nullopt, why);
  if (why.empty()) return ok();
  const std::lock_guard lock(mutex_);
  for (std::string& clause : why) failed_.push_back({"/" + place.entry->path, std::move(clause)});
  return ok();
}

Status FileSink::create_empty(std::uint64_t file) {
  HF_ASSIGN(const Descriptor fd, create(file, final_mode(file)));
  const std::uint64_t size = places_[file].entry->size;
  if (size > 0 && ::ftruncate(fd.get(), static_cast<off_t>(size)) < 0)
    return errno_error(errno, "sizing", places_[file].entry->path);
  return complete(file, fd.get(), final_mode(file));
}

Result<FileSink::Handle> FileSink::handle(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  if (!places_[file].damage.empty()) return nullptr;
  if (const auto it = open_.find(file); it != open_.end()) return it->second;
  if (open_.size() >= kOpenFiles) open_.erase(open_.begin());    // closed when the last writer is through with it
  Descriptor fd;
  if (places_[file].created) {
    HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(places_[file].entry->path)));
    fd = Descriptor(::openat(folder->get(), name(places_[file]).c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno_error(errno, "opening", places_[file].entry->path);
  } else {
    HF_ASSIGN(fd, create(file, kPrivate));          // it may be opened again
    if (::ftruncate(fd.get(), static_cast<off_t>(places_[file].entry->size)) < 0)
      return errno_error(errno, "sizing", places_[file].entry->path);
  }
  return open_.emplace(file, std::make_shared<const Descriptor>(std::move(fd))).first->second;
}

Status FileSink::write(std::uint64_t file, std::uint64_t offset, ByteView bytes) {
  if (offset == 0 && bytes.size() == places_[file].entry->size) {      // all of it: most files
    HF_ASSIGN(const Descriptor fd, create(file, final_mode(file)));
    HF_TRY(write_all(fd.get(), file, 0, bytes));
    return complete(file, fd.get(), final_mode(file));
  }
  HF_ASSIGN(const Handle fd, handle(file));
  if (fd == nullptr) return ok();
  HF_TRY(write_all(fd->get(), file, offset, bytes));
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    places_[file].missing -= bytes.size();
    last = places_[file].missing == 0;
    if (last) open_.erase(file);
  }
  return last ? complete(file, fd->get(), kPrivate) : ok();
}

void FileSink::damaged(std::uint64_t file, const Error& why) {
  const std::lock_guard lock(mutex_);
  if (places_[file].damage.empty()) places_[file].damage = why.text;
  open_.erase(file);
}

Result<std::vector<FileSink::DamagedFile>> FileSink::end() {
  std::vector<DamagedFile> out;
  for (std::uint64_t file = 0; file < places_.size(); ++file) {
    Place& place = places_[file];
    if (place.damage.empty()) continue;
    out.push_back({file, place.bytes, std::move(place.damage)});
    if (!place.created) continue;
    HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(place.entry->path)));
    if (::unlinkat(folder->get(), name(place).c_str(), 0) < 0) return errno_error(errno, "removing", place.entry->path);
  }
  return out;
}

Status FileSink::publish(std::uint64_t number, const vault::Entry& entry) {
  const std::string parent = parent_of(entry.path);
  if (folders_.fresh(parent)) return ok();
  HF_ASSIGN(const Folders::Handle folder, folders_.open(parent));
  const std::string temporary = temporary_name(number);
  if (move_over(folder->get(), temporary, name_of(entry.path))) return ok();
  const int error = errno;
  ::unlinkat(folder->get(), temporary.c_str(), 0);
  return errno_error(error, "moving into place", entry.path);
}

void FileSink::discard() {
  open_.clear();
  for (const Temporaries& made : temporaries_) {
    const auto folder = folders_.open(made.folder);
    if (!folder) continue;
    for (std::uint64_t number = made.first; number <= made.last; ++number)
      ::unlinkat((*folder)->get(), temporary_name(number).c_str(), 0);
  }
}

}  // namespace hf::sources
