// The object header: round trip, truncation at every byte, every bit of the header flipped, versions and
// unknown fields.
#include "vault/object/object.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::vault {
namespace {

Bytes sample() {
  return encode_object(ObjectKind::kAttachment, as_bytes("payload"),
                       {{7, to_bytes("note")}, {kTlvVaultId, Bytes(16, 3)}});
}

TEST(Object, RoundTrip) {
  const auto object = decode_object(sample(), ObjectKind::kAttachment, "attach/x").value();
  EXPECT_EQ(to_text(object.payload), "payload");
  EXPECT_EQ(object.header.tlv(kTlvVaultId).size(), 16U);
  EXPECT_EQ(to_text(object.header.tlv(7)), "note");
  EXPECT_TRUE(object.header.tlv(8).empty());
  EXPECT_FALSE(object.header.newer_minor());
  const Bytes bytes = sample();
  const auto decoded = decode_header(bytes, ObjectKind::kAttachment, "attach/x").value();
  EXPECT_EQ(encode_header(decoded.header), to_bytes(ByteView(bytes).first(decoded.size)));
}

TEST(Object, BytesAreThoseOfTheFormatPage) {
  const Bytes bytes = encode_object(ObjectKind::kCommit, as_bytes("x"));
  const Bytes begin = {0x89, 'H', 'F', 'V', 0x0d, 0x0a, 0x1a, 0x0a, 4, 1, 0, 1,
                       0,    0,   0,   0,   1,    0,    0,    0,    0, 0, 0, 0};
  EXPECT_EQ(to_bytes(ByteView(bytes).first(24)), begin);
  const crypto::Digest check = crypto::sha256(begin);
  EXPECT_TRUE(std::equal(check.begin(), check.begin() + 8, bytes.begin() + 24));
  EXPECT_EQ(bytes.size(), 33U);
}

TEST(Object, TruncatedAtEveryByteIsCorrupt) {
  const Bytes bytes = sample();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto object = decode_object(ByteView(bytes).first(n), ObjectKind::kAttachment, "attach/x");
    ASSERT_FALSE(object.has_value()) << n;
    EXPECT_EQ(object.error().kind, ErrorKind::kCorrupt);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(decode_object(longer, ObjectKind::kAttachment, "attach/x").error().kind, ErrorKind::kCorrupt);
}

TEST(Object, EveryFlippedHeaderBitIsCorrupt) {
  const Bytes bytes = sample();
  const std::size_t header = bytes.size() - 7;
  for (std::size_t bit = 0; bit < header * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto object = decode_object(damaged, ObjectKind::kAttachment, "attach/x");
    ASSERT_FALSE(object.has_value()) << bit;
    EXPECT_EQ(object.error().kind, ErrorKind::kCorrupt) << bit << object.error().text;
  }
}

ErrorKind refusal(const ObjectHeader& header, ObjectKind expected = ObjectKind::kEpoch) {
  const auto decoded = decode_header(encode_header(header), expected, "epoch/1");
  return decoded.has_value() ? ErrorKind::kFailed : decoded.error().kind;
}

TEST(Object, VersionsAndUnknownFields) {
  ObjectHeader header;
  header.kind = ObjectKind::kEpoch;
  EXPECT_EQ(refusal(header), ErrorKind::kFailed);
  EXPECT_EQ(refusal(header, ObjectKind::kCommit), ErrorKind::kCorrupt);
  ObjectHeader h = header;
  h.major = 2;
  EXPECT_EQ(refusal(h), ErrorKind::kUnsupported);
  h = header;
  h.suite = 2;
  EXPECT_EQ(refusal(h), ErrorKind::kUnsupported);
  h = header;
  h.flags = 0x0008;
  EXPECT_EQ(refusal(h), ErrorKind::kUnsupported);
  h.flags = 0x0100;   // a flag that may be ignored
  EXPECT_EQ(refusal(h), ErrorKind::kFailed);
  h = header;
  h.tlvs = {{kCritical | 99, {}}};
  EXPECT_EQ(refusal(h), ErrorKind::kUnsupported);
  const std::uint16_t known[] = {kCritical | 99};
  EXPECT_TRUE(decode_header(encode_header(h), ObjectKind::kEpoch, "epoch/1", known).has_value());
  h.tlvs = {{99, {}}};
  EXPECT_EQ(refusal(h), ErrorKind::kFailed);
  h = header;
  h.minor = 1;
  EXPECT_TRUE(decode_header(encode_header(h), ObjectKind::kEpoch, "epoch/1").value().header.newer_minor());
}

TEST(Object, SignedIsBoundToItsNameAndWriter) {
  crypto::SystemEntropy entropy;
  const crypto::SigningKey writer = crypto::new_signing_key(entropy);
  const crypto::PublicKey writers[] = {writer.public_key};
  const Bytes bytes = encode_signed(ObjectKind::kCommit, "commits/1", as_bytes("body"), writer);
  const auto object = decode_signed(bytes, ObjectKind::kCommit, "commits/1", writers).value();
  EXPECT_EQ(to_text(object.body), "body");
  EXPECT_EQ(object.writer, writer.public_key);
  EXPECT_EQ(decode_signed(bytes, ObjectKind::kCommit, "commits/2", writers).error().kind,
            ErrorKind::kCorrupt);
  EXPECT_EQ(decode_signed(bytes, ObjectKind::kCommit, "commits/1", {}).error().kind, ErrorKind::kCorrupt);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_FALSE(decode_signed(damaged, ObjectKind::kCommit, "commits/1", writers).has_value()) << bit;
  }
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ASSERT_FALSE(
        decode_signed(ByteView(bytes).first(n), ObjectKind::kCommit, "commits/1", writers).has_value())
        << n;
  }
}

TEST(Object, RandomBytesNeverCrash) {
  Rng rng(11);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = sample();
    bytes.resize(rng.bounded(bytes.size() + 20));
    for (int i = 0; i < 3 && !bytes.empty(); ++i)
      bytes[rng.bounded(bytes.size())] = static_cast<std::uint8_t>(rng.u64());
    (void)decode_object(bytes, ObjectKind::kAttachment, "attach/x");
  }
}

}  // namespace
}  // namespace hf::vault
