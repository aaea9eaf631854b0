// A state machine over 512-byte blocks: header, body (data or extension), padding. See base_tar.h.
#include "sources/postgres/base_tar.h"

#include <algorithm>

#include "base/text.h"

namespace hf::sources {
namespace {

// Where the fields of a ustar header lie.
constexpr std::size_t kName = 0, kNameSize = 100;
constexpr std::size_t kMode = 100, kUid = 108, kGid = 116, kShort = 8;
constexpr std::size_t kSize = 124, kMtime = 136, kLong = 12;
constexpr std::size_t kChecksum = 148, kType = 156;
constexpr std::size_t kLink = 157, kLinkSize = 100;
constexpr std::size_t kMagic = 257;
constexpr std::size_t kUser = 265, kGroup = 297, kOwnerSize = 32;
constexpr std::size_t kPrefix = 345, kPrefixSize = 155;

std::string text_field(ByteView block, std::size_t offset, std::size_t size) {
  const std::string_view field = as_text(block.subspan(offset, size));
  return std::string(field.substr(0, field.find('\0')));
}

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

std::uint64_t header_sum(ByteView block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    sum += i >= kChecksum && i < kChecksum + kShort ? ' ' : block[i];
  }
  return sum;
}

// Drops "./" and trailing slashes; nothing if a component would leave the folder.
std::optional<std::string> safe_path(std::string_view raw) {
  if (raw.starts_with('/') || raw.find('\0') != std::string_view::npos) return {};
  std::string path;
  while (!raw.empty()) {
    const auto slash = raw.find('/');
    const std::string_view part = raw.substr(0, slash);
    if (part == "..") return {};
    if (!part.empty() && part != ".") path.append(path.empty() ? "" : "/").append(part);
    raw.remove_prefix(slash == std::string_view::npos ? raw.size() : slash + 1);
  }
  return path;
}

template <class T>
bool whole_number(std::string_view text, T& out) {
  const auto parsed = parse_whole<T>(text);
  out = parsed.value_or(T{});
  return parsed.has_value();
}

}  // namespace

Error TarParser::corrupt(std::string_view why) const {
  return make_error(ErrorKind::kCorrupt, what_ + " at byte " + std::to_string(offset_) + ": " + std::string(why));
}

Status TarParser::push(ByteView bytes) {
  while (!bytes.empty() || ((state_ == State::kData || state_ == State::kExtension) && left_ == 0)) {
    std::size_t take = 0;
    switch (state_) {
      case State::kHeader:
        take = std::min(bytes.size(), kTarBlock - block_.size());
        append(block_, bytes.first(take));
        if (block_.size() == kTarBlock) HF_TRY(header());
        break;
      case State::kExtension:
      case State::kData:
        take = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
        if (state_ == State::kData && take > 0) HF_TRY(sink_.data(bytes.first(take)));
        if (state_ == State::kExtension) append(extension_, bytes.first(take));
        left_ -= take;
        if (left_ == 0) HF_TRY(body_done());
        break;
      case State::kPadding:
        take = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), padding_));
        padding_ -= take;
        if (padding_ == 0) state_ = State::kHeader;
        break;
      case State::kEnded:
        take = bytes.size();
        if (!all_zero(bytes)) return corrupt("bytes after the end of the archive");
        break;
    }
    offset_ += take;
    bytes = bytes.subspan(take);
  }
  return ok();
}

Status TarParser::finish() {
  if (state_ == State::kEnded) return ok();
  const bool named = next_.path || next_.target;
  if (state_ != State::kHeader || !block_.empty() || in_member_ || named) return corrupt("the archive is cut short");
  state_ = State::kEnded;
  return ok();
}

Result<std::uint64_t> TarParser::number(std::size_t offset, std::size_t size, std::string_view field) {
  const ByteView raw = ByteView(block_).subspan(offset, size);
  std::uint64_t value = 0;
  if ((raw[0] & 0x80) != 0) {                        // base-256, big-endian; 0xff would be negative
    if (raw[0] != 0x80) return corrupt(std::string(field) + " is negative or too large");
    for (std::size_t i = 1; i < raw.size(); ++i) {
      if (value >> 55 != 0) return corrupt(std::string(field) + " is too large");
      value = value << 8 | raw[i];
    }
    return value;
  }
  std::string_view text = as_text(raw);
  text = text.substr(0, text.find('\0'));
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  for (const char c : text) {
    if (c < '0' || c > '7') return corrupt(std::string(field) + " is not a number");
    value = value << 3 | static_cast<std::uint64_t>(c - '0');   // at most 12 digits: 36 bits
  }
  return value;
}

Status TarParser::header() {
  if (all_zero(block_)) {
    if (next_.path || next_.target) return corrupt("an extended header without its member");
    state_ = State::kEnded;
    block_.clear();
    return ok();
  }
  HF_ASSIGN(const std::uint64_t sum, number(kChecksum, kShort, "the header's checksum"));
  if (sum != header_sum(block_)) return corrupt("the checksum of a member's header does not match");
  if (as_text(ByteView(block_).subspan(kMagic, 5)) != "ustar") return corrupt("a member's header is not ustar");
  const char type = static_cast<char>(block_[kType]);
  HF_ASSIGN(const std::uint64_t size, number(kSize, kLong, "the size"));
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    if (size > kTarExtensionLimit) return corrupt("an extended header of " + std::to_string(size) + " bytes");
    extension_type_ = type;
    extension_.clear();
    return start_body(size, State::kExtension);
  }
  return member(type, size);
}

Status TarParser::member(char type, std::uint64_t size) {
  TarMember found;
  std::string path = text_field(block_, kName, kNameSize);
  if (block_[kMagic + 5] == 0) {                     // POSIX; GNU keeps other things in the prefix
    const std::string prefix = text_field(block_, kPrefix, kPrefixSize);
    if (!prefix.empty()) path = prefix + "/" + path;
  }
  path = next_.path.value_or(path);
  switch (type) {
    case '0': case '\0': case '7': found.type = path.ends_with('/') ? TarType::kDirectory : TarType::kFile; break;
    case '5': found.type = TarType::kDirectory; break;
    case '2': found.type = TarType::kSymlink; break;
    default:
      return make_error(ErrorKind::kUnsupported, what_ + ": member '" + path + "' has type '" + std::string(1, type) +
                                                     "', which no PostgreSQL server writes");
  }
  const auto safe = safe_path(path);
  if (!safe) return corrupt("the path '" + path + "' leaves the folder");
  found.path = *safe;
  HF_ASSIGN(const std::uint64_t mode, number(kMode, kShort, "the mode"));
  HF_ASSIGN(const std::uint64_t uid, number(kUid, kShort, "the owner"));
  HF_ASSIGN(const std::uint64_t gid, number(kGid, kShort, "the group"));
  HF_ASSIGN(const std::uint64_t mtime, number(kMtime, kLong, "the time"));
  found.mode = static_cast<std::uint32_t>(mode & 07777);
  found.uid = static_cast<std::uint32_t>(next_.uid.value_or(uid));
  found.gid = static_cast<std::uint32_t>(next_.gid.value_or(gid));
  found.mtime = next_.mtime.value_or(global_.mtime.value_or(static_cast<std::int64_t>(mtime)));
  found.user = next_.user.value_or(text_field(block_, kUser, kOwnerSize));
  found.group = next_.group.value_or(text_field(block_, kGroup, kOwnerSize));
  size = next_.size.value_or(size);
  if (found.type == TarType::kSymlink) found.target = next_.target.value_or(text_field(block_, kLink, kLinkSize));
  if (found.type != TarType::kFile && size != 0) return corrupt("'" + path + "' is no file, and has a size");
  if (size > kTarFileLimit) return corrupt("'" + path + "' claims " + std::to_string(size) + " bytes");
  found.size = size;
  next_ = {};
  in_member_ = true;
  HF_TRY(sink_.begin(found));
  return start_body(size, State::kData);
}

Status TarParser::start_body(std::uint64_t size, State state) {
  state_ = state;
  left_ = size;
  padding_ = (kTarBlock - size % kTarBlock) % kTarBlock;
  block_.clear();
  return ok();
}

Status TarParser::body_done() {
  const bool data = state_ == State::kData;
  state_ = padding_ > 0 ? State::kPadding : State::kHeader;
  if (!data) return extension_done();
  in_member_ = false;
  return sink_.end();
}

Status TarParser::extension_done() {
  const std::string_view text = as_text(extension_);
  switch (extension_type_) {
    case 'L': next_.path = std::string(text.substr(0, text.find('\0'))); return ok();
    case 'K': next_.target = std::string(text.substr(0, text.find('\0'))); return ok();
    case 'g': return pax_records(text, global_);
    default: return pax_records(text, next_);
  }
}

// "<decimal length of the whole record> <key>=<value>\n", again and again.
Status TarParser::pax_records(std::string_view text, Overrides& into) {
  while (!text.empty()) {
    const auto blank = text.find(' ');
    std::size_t length = 0;
    if (blank == std::string_view::npos || !whole_number(text.substr(0, blank), length) || length > text.size() ||
        length < blank + 3 || text[length - 1] != '\n') {
      return corrupt("a pax record with a wrong length");
    }
    const std::string_view record = text.substr(blank + 1, length - blank - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) return corrupt("a pax record without '='");
    HF_TRY(pax_value(record.substr(0, equals), record.substr(equals + 1), into));
    text.remove_prefix(length);
  }
  return ok();
}

Status TarParser::pax_value(std::string_view key, std::string_view value, Overrides& into) {
  const auto whole = [&](auto& field) -> Status {
    typename std::remove_reference_t<decltype(field)>::value_type parsed{};
    if (!whole_number(value, parsed)) return corrupt("pax " + std::string(key) + " is not a number");
    field = parsed;
    return ok();
  };
  if (key == "path") into.path = std::string(value);
  else if (key == "linkpath") into.target = std::string(value);
  else if (key == "uname") into.user = std::string(value);
  else if (key == "gname") into.group = std::string(value);
  else if (key == "size") return whole(into.size);
  else if (key == "uid") return whole(into.uid);
  else if (key == "gid") return whole(into.gid);
  else if (key == "mtime") {
    value = value.substr(0, value.find('.'));
    return whole(into.mtime);
  }
  return ok();   // other keys (atime, comment, vendor ones) change nothing that we keep
}

}  // namespace hf::sources
