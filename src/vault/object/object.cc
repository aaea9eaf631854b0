#include "vault/object/object.h"

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"

namespace hf::vault {

namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'H', 'F', 'V', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kCheckOffset = 24;
constexpr std::size_t kCheckBytes = 8;
constexpr std::uint16_t kCriticalFlags = 0x00ff;
constexpr std::uint16_t kKnownFlags = kFlagOpenEnded | kFlagMetadata | kFlagFilters;
constexpr std::uint16_t kKnownTlvs[] = {kTlvVaultId, kTlvWrappedKey, kTlvKeySalt};
constexpr std::string_view kSignContext = "holdfast/v1 signed object";
constexpr std::size_t kSignatureBlock = sizeof(crypto::PublicKey) + sizeof(crypto::Signature);

Error damaged(std::string_view name, std::string_view why) {
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": " + std::string(why))
      .with_object(std::string(name));
}

Error newer(std::string_view name, const std::string& what) {
  return make_error(ErrorKind::kUnsupported, std::string(name) + ": " + what)
      .with_object(std::string(name))
      .with_hint("Use a newer Holdfast for this vault.");
}

Bytes header_check(ByteView header_and_tlvs) {
  crypto::Sha256 hash;
  hash.update(header_and_tlvs.first(kCheckOffset)).update(header_and_tlvs.subspan(kHeaderBytes));
  const crypto::Digest digest = hash.finish();
  return Bytes(digest.begin(), digest.begin() + kCheckBytes);
}

Status check_versions(const ObjectHeader& header, std::string_view name) {
  if (header.major > kMajor) {
    return newer(name, "format " + std::to_string(header.major) + ", this program reads up to " +
                           std::to_string(kMajor));
  }
  if (header.major == 0) return damaged(name, "format 0 does not exist");
  if (header.suite != kSuite)
    return newer(name, "cipher suite " + std::to_string(header.suite) + " is not known");
  if ((header.flags & kCriticalFlags & ~kKnownFlags) != 0) {
    return newer(name, "flags " + std::to_string(header.flags) + " are not all known");
  }
  return ok();
}

Status parse_tlvs(ByteView area, std::string_view name, std::span<const std::uint16_t> known,
                  ObjectHeader& header) {
  ByteReader reader(area, name);
  while (!reader.at_end()) {
    Tlv tlv;
    HF_ASSIGN(tlv.type, reader.u16());
    HF_ASSIGN(std::uint16_t length, reader.u16());
    HF_ASSIGN(ByteView value, reader.raw(length));
    tlv.value = to_bytes(value);
    if (!header.tlvs.empty() && header.tlvs.back().type >= tlv.type)
      return damaged(name, "header fields out of order");
    const bool understood = std::ranges::find(kKnownTlvs, tlv.type) != std::end(kKnownTlvs) ||
                            std::ranges::find(known, tlv.type) != known.end();
    if ((tlv.type & kCritical) != 0 && !understood) {
      return newer(name, "required header field " + std::to_string(tlv.type & ~kCritical) + " is not known");
    }
    header.tlvs.push_back(std::move(tlv));
  }
  return ok();
}

Bytes signed_message(std::string_view name, ByteView header, ByteView body, const crypto::PublicKey& writer) {
  ByteWriter message;
  message.raw(as_bytes(kSignContext)).u8(0).u16(static_cast<std::uint16_t>(name.size())).raw(as_bytes(name));
  message.raw(crypto::sha256(header)).raw(crypto::sha256(body)).raw(writer);
  return message.take();
}

}  // namespace

std::string_view to_string(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kConfig: return "config";
    case ObjectKind::kPack: return "pack";
    case ObjectKind::kIndex: return "index run";
    case ObjectKind::kCommit: return "commit";
    case ObjectKind::kLeaseOpen: return "lease";
    case ObjectKind::kLeaseBeat: return "beat of a lease";
    case ObjectKind::kLeaseFate: return "fate of a lease";
    case ObjectKind::kEpoch: return "epoch";
    case ObjectKind::kWalFrame: return "WAL frame";
    case ObjectKind::kWalSegment: return "WAL segment";
    case ObjectKind::kWalHistory: return "timeline history";
    case ObjectKind::kAttachment: return "attachment";
    case ObjectKind::kStore: return "store record";
    case ObjectKind::kWalSeal: return "timeline seal";
  }
  return "unknown object";
}

ByteView ObjectHeader::tlv(std::uint16_t type) const {
  for (const Tlv& t : tlvs) {
    if (t.type == type) return t.value;
  }
  return {};
}

Bytes encode_header(const ObjectHeader& header) {
  ByteWriter area;
  for (std::size_t i = 0; i < header.tlvs.size(); ++i) {
    const Tlv& tlv = header.tlvs[i];
    HF_CHECK(i == 0 || header.tlvs[i - 1].type < tlv.type);
    HF_CHECK(tlv.value.size() <= kMaxTlvBytes);
    area.u16(tlv.type).u16(static_cast<std::uint16_t>(tlv.value.size())).raw(tlv.value);
  }
  HF_CHECK(area.size() <= kMaxTlvBytes);
  ByteWriter out;
  out.raw(kMagic)
      .u8(static_cast<std::uint8_t>(header.kind))
      .u8(header.major)
      .u8(header.minor)
      .u8(header.suite);
  out.u16(header.flags)
      .u16(static_cast<std::uint16_t>(area.size()))
      .u64(header.payload_length)
      .u64(0)
      .raw(area.bytes());
  Bytes bytes = out.take();
  const Bytes check = header_check(bytes);
  std::ranges::copy(check, bytes.begin() + kCheckOffset);
  return bytes;
}

Result<DecodedHeader> decode_header(ByteView data, ObjectKind expected, std::string_view name,
                                    std::span<const std::uint16_t> known) {
  if (data.size() < kHeaderBytes) {
    return damaged(name, "ends after " + std::to_string(data.size()) + " bytes, in its header");
  }
  if (!std::ranges::equal(data.first(kMagic.size()), kMagic))
    return damaged(name, "is not an object of a vault");
  ByteReader reader(data.subspan(kMagic.size()), name);
  DecodedHeader out;
  ObjectHeader& header = out.header;
  HF_ASSIGN(std::uint8_t kind, reader.u8());
  header.kind = static_cast<ObjectKind>(kind);
  HF_ASSIGN(header.major, reader.u8());
  HF_ASSIGN(header.minor, reader.u8());
  HF_ASSIGN(header.suite, reader.u8());
  HF_ASSIGN(header.flags, reader.u16());
  HF_ASSIGN(std::uint16_t tlv_bytes, reader.u16());
  HF_ASSIGN(header.payload_length, reader.u64());
  if (tlv_bytes > kMaxTlvBytes) return damaged(name, "its header is too long");
  out.size = kHeaderBytes + tlv_bytes;
  if (data.size() < out.size) return damaged(name, "ends in its header");
  const ByteView whole = data.first(out.size);
  if (!std::ranges::equal(header_check(whole), whole.subspan(kCheckOffset, kCheckBytes))) {
    return damaged(name, "its header is damaged");
  }
  HF_TRY(check_versions(header, name));
  if (header.kind != expected) {
    return damaged(name, "holds a " + std::string(to_string(header.kind)) + " where a " +
                             std::string(to_string(expected)) + " belongs");
  }
  HF_TRY(parse_tlvs(whole.subspan(kHeaderBytes), name, known, header));
  const bool open_ended = (header.flags & kFlagOpenEnded) != 0;
  if (open_ended && header.payload_length != 0) return damaged(name, "its length is given twice");
  return out;
}

Bytes encode_object(ObjectKind kind, ByteView payload, std::vector<Tlv> tlvs, std::uint16_t flags) {
  HF_CHECK((flags & kFlagOpenEnded) == 0);
  ObjectHeader header;
  header.kind = kind;
  header.flags = flags;
  header.payload_length = payload.size();
  header.tlvs = std::move(tlvs);
  Bytes out = encode_header(header);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Result<DecodedObject> decode_object(ByteView data, ObjectKind expected, std::string_view name,
                                    std::span<const std::uint16_t> known) {
  HF_ASSIGN(DecodedHeader decoded, decode_header(data, expected, name, known));
  const std::size_t held = data.size() - decoded.size;
  if ((decoded.header.flags & kFlagOpenEnded) != 0) return damaged(name, "has no length");
  if (decoded.header.payload_length != held) {
    return damaged(name, "holds " + std::to_string(held) + " bytes where its header says " +
                             std::to_string(decoded.header.payload_length));
  }
  DecodedObject out;
  out.header = std::move(decoded.header);
  out.header_size = decoded.size;
  out.payload = to_bytes(data.subspan(decoded.size));
  return out;
}

Bytes encode_signed(ObjectKind kind, std::string_view name, ByteView body, const crypto::SigningKey& writer,
                    std::vector<Tlv> tlvs, std::uint16_t flags) {
  HF_CHECK((flags & kFlagOpenEnded) == 0 && name.size() <= 0xffff);
  ObjectHeader header;
  header.kind = kind;
  header.flags = flags;
  header.payload_length = body.size() + kSignatureBlock;
  header.tlvs = std::move(tlvs);
  Bytes out = encode_header(header);
  const crypto::Signature signature =
      crypto::sign(writer, signed_message(name, out, body, writer.public_key));
  out.insert(out.end(), body.begin(), body.end());
  out.insert(out.end(), writer.public_key.begin(), writer.public_key.end());
  out.insert(out.end(), signature.begin(), signature.end());
  return out;
}

Result<SignedObject> decode_signed(ByteView data, ObjectKind expected, std::string_view name,
                                   std::span<const crypto::PublicKey> writers,
                                   std::span<const std::uint16_t> known) {
  HF_ASSIGN(DecodedObject object, decode_object(data, expected, name, known));
  if (object.payload.size() < kSignatureBlock) return damaged(name, "is too short for its signature");
  const ByteView payload(object.payload);
  const std::size_t body_size = payload.size() - kSignatureBlock;
  SignedObject out;
  out.writer = to_array<sizeof(crypto::PublicKey)>(payload.subspan(body_size, sizeof(crypto::PublicKey)));
  const auto signature = to_array<sizeof(crypto::Signature)>(payload.last(sizeof(crypto::Signature)));
  const ByteView body = payload.first(body_size);
  const Bytes message = signed_message(name, data.first(object.header_size), body, out.writer);
  if (!crypto::verify(out.writer, message, signature)) return damaged(name, "its signature does not match");
  if (std::ranges::find(writers, out.writer) == writers.end()) {
    return damaged(name, "signed by " + to_hex(out.writer).substr(0, 16) + ", who is not a writer of this vault");
  }
  out.header = std::move(object.header);
  object.payload.resize(body_size);
  out.body = std::move(object.payload);
  return out;
}

}  // namespace hf::vault
