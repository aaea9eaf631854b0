#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/lsn.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/time.h"

namespace hf {
namespace {

TEST(Bytes, FieldsRoundTripAndEveryTruncationIsAnError) {
  Bytes all = ByteWriter().u8(1).u16(0x1234).u32(7).u64(1ULL << 60).i64(-5).varint(300).sized("abc").take();
  for (std::size_t n = 0; n <= all.size(); ++n) {
    ByteReader r(ByteView(all).first(n), "test");
    bool good = r.u8() && r.u16() && r.u32() && r.u64() && r.i64() && r.varint() && r.sized_text(10);
    EXPECT_EQ(good, n == all.size()) << n;
  }
}

TEST(Bytes, LengthOverTheLimitIsRefused) {
  Bytes all = ByteWriter().sized("abcdef").take();
  ByteReader r(all, "test");
  auto text = r.sized_text(5);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kCorrupt);
}

TEST(Hex, RoundTrip) {
  Bytes b = {0, 1, 0xab, 0xff};
  EXPECT_EQ(to_hex(b), "0001abff");
  EXPECT_EQ(from_hex("0001ABff").value(), b);
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(from_hex("abc"));
}

TEST(Base64, KnownVectorsOfRfc4648AndOnlyTheCanonicalForm) {
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_text(from_base64("Zm8=").value()), "fo");
  EXPECT_FALSE(from_base64("Zm9="));
  EXPECT_FALSE(from_base64("Zm8"));
  EXPECT_FALSE(from_base64("Z=8="));
}

TEST(Time, Rfc3339) {
  auto t = parse_time("2026-05-01T12:02:31.417204+02:00");
  ASSERT_TRUE(t);
  EXPECT_EQ(format_time(*t), "2026-05-01T10:02:31.417204Z");
  EXPECT_EQ(format_time(parse_time("1969-12-31 23:59:59Z").value()), "1969-12-31T23:59:59Z");
  EXPECT_FALSE(parse_time("2026-02-30T00:00:00Z"));
  EXPECT_FALSE(parse_time("2026-05-01T10:02:31"));
  EXPECT_FALSE(parse_time("yesterday"));
}

TEST(Time, Durations) {
  EXPECT_EQ(parse_duration("1d12h").value(), Micros(std::chrono::hours(36)));
  EXPECT_EQ(parse_duration("6mo").value(), Micros(std::chrono::hours(24 * 180)));
  EXPECT_EQ(parse_duration("250ms").value(), Micros(250000));
  EXPECT_FALSE(parse_duration("4"));
  EXPECT_FALSE(parse_duration(""));
  EXPECT_FALSE(parse_duration("99999999999999999y"));
  EXPECT_EQ(format_duration(Micros(std::chrono::minutes(90))), "1h30m");
  EXPECT_EQ(format_duration(Micros(2317000)), "2.317s");
  EXPECT_EQ(format_duration(Micros(std::chrono::hours(4))), "4h");
}

TEST(Text, ANumberIsTheWholeTextAndFits) {
  EXPECT_EQ(parse_whole<std::uint32_t>("4294967295"), 4294967295U);
  EXPECT_EQ(parse_whole<int>("-7"), -7);
  EXPECT_EQ(parse_whole<std::uint32_t>("0000002A", 16), 42U);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "4294967296", "99999999999999999999999"})
    EXPECT_FALSE(parse_whole<std::uint32_t>(bad)) << bad;
}

TEST(Text, Join) {
  EXPECT_EQ(join({"a", "", "b"}, "-"), "a--b");
  EXPECT_EQ(join({"a", "b"}), "a, b");
  EXPECT_EQ(join({}, ", ", "none"), "none");
}

TEST(Lsn, TextForms) {
  EXPECT_EQ(parse_lsn("16/0B374D848").has_value(), false);
  EXPECT_EQ(format_lsn(parse_lsn("16/B374D848").value()), "16/B374D848");
  EXPECT_EQ(parse_lsn("0/03000000").value().value, 0x3000000u);
  EXPECT_EQ(wal_file_name(1, 3, 16 << 20), "000000010000000000000003");
  EXPECT_EQ(wal_file_name(2, 256, 16 << 20), "000000020000000100000000");
  EXPECT_EQ(parse_wal_file_name("000000020000000100000000", 16 << 20).value().segment, 256u);
  EXPECT_FALSE(parse_wal_file_name("00000002.history", 16 << 20));
}

TEST(Json, ParsesStrictlyAndWritesCanonically) {
  auto v = parse_json(R"({"b":[1,2.5,null,true],"a":"x\n\u00e9"})");
  ASSERT_TRUE(v);
  EXPECT_EQ(dump_json(*v), "{\"b\":[1,2.5,null,true],\"a\":\"x\\n\xc3\xa9\"}");
  EXPECT_FALSE(canonical_json(*v));
  EXPECT_EQ(canonical_json(Json(Json::Object{{"b", 1}, {"a", "z"}})).value(), R"({"a":"z","b":1})");
  EXPECT_FALSE(parse_json(R"({"a":1,"a":2})"));
  EXPECT_FALSE(parse_json("[1] x"));
  EXPECT_FALSE(parse_json("18446744073709551615"));
  EXPECT_FALSE(canonical_json(Json((std::int64_t{1} << 53) + 1)));
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']')));
}

TEST(Secret, PrintsStarsAndComparesBytes) {
  EXPECT_EQ(to_string(Secret("hunter2")), "***");
  EXPECT_TRUE(Secret("a") == Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("ab"));
}

}  // namespace
}  // namespace hf
