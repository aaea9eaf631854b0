// See note.h. A note is: text ending in a newline, an empty line, then lines "— name base64(key id ||
// signature)".
#include "journal/note.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/hex.h"

namespace hf::journal {
namespace {

constexpr std::uint8_t kEd25519 = 0x01;              // signature type of C2SP signed notes
constexpr std::string_view kDash = "\xe2\x80\x94 ";  // em dash, blank

Error bad_note(std::string why) { return make_error(ErrorKind::kCorrupt, "signed note: " + std::move(why)); }

struct Parts {
  std::string_view text;        // with its final newline
  std::string_view signatures;  // lines
};

Result<Parts> split_note(std::string_view note) {
  if (note.size() > kMaxNoteBytes) return bad_note("longer than 64 KiB");
  std::size_t at = note.rfind("\n\n");
  if (at == std::string_view::npos || note.back() != '\n')
    return bad_note("no empty line before the signatures");
  Parts parts{note.substr(0, at + 1), note.substr(at + 2)};
  if (parts.signatures.empty()) return bad_note("no signature");
  return parts;
}

struct SignatureLine {
  std::string_view name;
  std::uint32_t key_id = 0;
  Bytes signature;
};

Result<SignatureLine> parse_line(std::string_view line) {
  if (!line.starts_with(kDash)) return bad_note("a signature line does not begin with an em dash");
  line.remove_prefix(kDash.size());
  std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0) return bad_note("a signature line has no name");
  auto raw = from_base64(line.substr(blank + 1));
  if (!raw || raw->size() < 5 || to_base64(*raw) != line.substr(blank + 1))
    return bad_note("a signature is not base64");
  SignatureLine out;
  out.name = line.substr(0, blank);
  for (int i = 0; i < 4; ++i) out.key_id = out.key_id << 8 | (*raw)[static_cast<std::size_t>(i)];
  out.signature.assign(raw->begin() + 4, raw->end());
  return out;
}

std::array<std::uint8_t, 33> key_material(const crypto::PublicKey& key) {
  std::array<std::uint8_t, 33> out{kEd25519};
  std::copy(key.begin(), key.end(), out.begin() + 1);
  return out;
}

void put_key_id(std::uint32_t id, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(id >> (24 - 8 * i));
}

}  // namespace

std::string format_checkpoint(const Checkpoint& c) {
  return c.origin + "\n" + std::to_string(c.size) + "\n" + to_base64(c.root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  Checkpoint out;
  std::size_t first = text.find('\n');
  std::size_t second = first == std::string_view::npos ? first : text.find('\n', first + 1);
  if (second == std::string_view::npos) return bad_note("a checkpoint has three lines");
  out.origin = std::string(text.substr(0, first));
  std::string_view size = text.substr(first + 1, second - first - 1);
  std::from_chars(size.data(), size.data() + size.size(), out.size);
  std::string_view root = text.substr(second + 1);
  auto raw = from_base64(root.substr(0, root.empty() ? 0 : root.size() - 1));
  if (!raw || raw->size() != out.root.size())
    return bad_note("a checkpoint's root is not 32 bytes in base64");
  out.root = to_array<32>(*raw);
  if (out.origin.empty() || format_checkpoint(out) != text)
    return bad_note("a checkpoint is not in canonical form");
  return out;
}

std::uint32_t note_key_id(std::string_view name, const crypto::PublicKey& key) {
  const std::uint8_t newline = 0x0A;
  crypto::Digest d =
      crypto::Sha256().update(as_bytes(name)).update({&newline, 1}).update(key_material(key)).finish();
  return std::uint32_t{d[0]} << 24 | std::uint32_t{d[1]} << 16 | std::uint32_t{d[2]} << 8 | d[3];
}

std::string format_verifier_key(std::string_view name, const crypto::PublicKey& key) {
  std::array<std::uint8_t, 4> id{};
  put_key_id(note_key_id(name, key), id.data());
  return std::string(name) + "+" + to_hex(id) + "+" + to_base64(key_material(key));
}

Result<VerifierKey> parse_verifier_key(std::string_view text) {
  Error bad = make_error(ErrorKind::kInvalid, "verifier key is not 'name+hash+base64'");
  std::size_t first = text.find('+');
  std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad;
  auto raw = from_base64(text.substr(second + 1));
  if (!raw || raw->size() != 33 || (*raw)[0] != kEd25519) return bad;
  VerifierKey out{std::string(text.substr(0, first)), to_array<32>(ByteView(*raw).subspan(1))};
  if (out.name.empty() || format_verifier_key(out.name, out.key) != text) return bad;
  return out;
}

std::string sign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key) {
  HF_CHECK(text.ends_with('\n') && name.find_first_of(" +\n") == std::string_view::npos && !name.empty());
  std::array<std::uint8_t, 68> raw{};
  put_key_id(note_key_id(name, key.public_key), raw.data());
  crypto::Signature signature = crypto::sign(key, as_bytes(text));
  std::copy(signature.begin(), signature.end(), raw.begin() + 4);
  return std::string(text) + "\n" + std::string(kDash) + std::string(name) + " " + to_base64(raw) + "\n";
}

Result<std::string> open_note(std::string_view note, std::string_view name, const crypto::PublicKey& key) {
  HF_ASSIGN(Parts parts, split_note(note));
  const std::uint32_t id = note_key_id(name, key);
  bool verified = false;
  for (std::string_view rest = parts.signatures; !rest.empty();) {
    std::size_t end = rest.find('\n');
    HF_ASSIGN(SignatureLine line, parse_line(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
    if (line.name != name || line.key_id != id) continue;
    if (line.signature.size() != 64 ||
        !crypto::verify(key, as_bytes(parts.text), to_array<64>(line.signature)))
      return bad_note("the signature of " + std::string(name) + " does not match the text");
    verified = true;
  }
  if (!verified)
    return make_error(ErrorKind::kDenied,
                      "signed note: no signature of the key expected for " + std::string(name));
  return std::string(parts.text);
}

Result<Checkpoint> open_checkpoint(std::string_view note, std::string_view origin,
                                   const crypto::PublicKey& key) {
  HF_ASSIGN(std::string text, open_note(note, origin, key));
  HF_ASSIGN(Checkpoint out, parse_checkpoint(text));
  if (out.origin != origin)
    return bad_note("the checkpoint is of '" + out.origin + "', not of '" + std::string(origin) + "'");
  return out;
}

Result<Checkpoint> peek_checkpoint(std::string_view note) {
  HF_ASSIGN(Parts parts, split_note(note));
  return parse_checkpoint(parts.text);
}

}  // namespace hf::journal
