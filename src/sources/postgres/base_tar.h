// The tar streams of BASE_BACKUP, parsed as they come, in bounded memory: ustar, pax records, GNU long names, and
// base-256 numbers (PostgreSQL writes those for files of 8 GiB and more). Before version 15 the two final zero blocks
// are missing, so an archive may end at any member boundary.
//
// Invariant: a member is handed on only if its header's checksum holds and its path stays inside the target folder;
// what is not understood is an error, never skipped.
// Format: POSIX.1-2001 pax(1), https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace hf::sources {

enum class TarType : std::uint8_t { kFile, kDirectory, kSymlink };

struct TarMember {
  std::string path;                // relative, no trailing slash, no "." or ".." component; empty: the root itself
  TarType type = TarType::kFile;
  std::uint32_t mode = 0;          // 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string user;
  std::string group;
  std::uint64_t size = 0;          // files only
  std::int64_t mtime = 0;          // seconds since 1970
  std::string target;              // symbolic links
};

class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual Status begin(const TarMember& member) = 0;
  virtual Status data(ByteView bytes) = 0;           // of the member begun last; together exactly member.size
  virtual Status end() = 0;
};

inline constexpr std::size_t kTarBlock = 512;                    // bytes
inline constexpr std::size_t kTarExtensionLimit = 1u << 20;      // bytes of one pax record set or long name
inline constexpr std::uint64_t kTarFileLimit = 1ull << 50;       // bytes; PostgreSQL's segments have 1 GiB

class TarParser {
 public:
  // `what` names the archive in errors and outlives the parser's use of it.
  TarParser(TarSink& sink, std::string what) : sink_(sink), what_(std::move(what)) {}

  Status push(ByteView bytes);
  Status finish();                                   // the archive ended here: kCorrupt in the middle of a member

 private:
  enum class State : std::uint8_t { kHeader, kExtension, kData, kPadding, kEnded };
  struct Overrides {
    std::optional<std::string> path, target, user, group;
    std::optional<std::uint64_t> size, uid, gid;
    std::optional<std::int64_t> mtime;
  };

  Status header();
  Status member(char type, std::uint64_t size);
  Status extension_done();
  Status pax_records(std::string_view text, Overrides& into);
  Status pax_value(std::string_view key, std::string_view value, Overrides& into);
  Status start_body(std::uint64_t size, State state);
  Status body_done();
  Result<std::uint64_t> number(std::size_t offset, std::size_t size, std::string_view field);
  Error corrupt(std::string_view why) const;

  TarSink& sink_;
  std::string what_;
  State state_ = State::kHeader;
  Bytes block_;                      // a header being collected, at most kTarBlock
  Bytes extension_;                  // at most kTarExtensionLimit
  char extension_type_ = 0;
  std::uint64_t left_ = 0;           // bytes of the body still to come
  std::uint64_t padding_ = 0;
  std::uint64_t offset_ = 0;         // of the archive
  bool in_member_ = false;           // begin() was called, end() not
  Overrides next_;                   // for the next member
  Overrides global_;
};

}  // namespace hf::sources
