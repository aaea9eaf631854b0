// The vectors that AWS publishes: its signature test suite (service "service") and the examples of S3's API reference.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "crypto/hash.h"
#include "remote/sigv4.h"

namespace hf::remote {
namespace {

std::string hash(std::string_view text) { return to_hex(crypto::sha256(as_bytes(text))); }

std::string signature_of(const HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (name == "authorization") return value.substr(value.find("Signature=") + 10);
  }
  return "none";
}

struct Vector {
  const char* name;
  SigV4Request request;
  const char* signature;
};

void PrintTo(const Vector& v, std::ostream* out) { *out << v.name; }

const std::vector<std::pair<std::string, std::string>> kNoQuery;

class SuiteOfAws : public ::testing::TestWithParam<Vector> {};

TEST_P(SuiteOfAws, Signature) {
  SigV4Request request = GetParam().request;
  request.host = "example.amazonaws.com";
  if (request.payload_sha256.empty()) request.payload_sha256 = hash("");
  const AwsCredentials who{"AKIDEXAMPLE", Secret(std::string_view("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")), {}, {}};
  const auto headers = sigv4_sign(request, {"us-east-1", "service"}, who, *parse_time("2015-08-30T12:36:00Z"));
  EXPECT_EQ(signature_of(headers), GetParam().signature);
}

INSTANTIATE_TEST_SUITE_P(
    Published, SuiteOfAws,
    ::testing::Values(
        Vector{"get_vanilla",
               {"GET", "", "/", kNoQuery, {}, ""},
               "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        Vector{"post_vanilla",
               {"POST", "", "/", kNoQuery, {}, ""},
               "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        Vector{"get_vanilla_query_order_key_case",
               {"GET", "", "/", {{"Param2", "value2"}, {"Param1", "value1"}}, {}, ""},
               "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        Vector{"get_vanilla_query_unreserved",
               {"GET",
                "",
                "/",
                {{"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                  "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}},
                {},
                ""},
               "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        Vector{"get_utf8",
               {"GET", "", uri_encode("/\xe1\x88\xb4", true), kNoQuery, {}, ""},
               "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        Vector{"get_header_value_trim",
               {"GET", "", "/", kNoQuery, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}, ""},
               "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        Vector{"post_header_key_sort",
               {"POST", "", "/", kNoQuery, {{"My-Header1", "value1"}}, ""},
               "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
        Vector{
            "post_x_www_form_urlencoded",
            {"POST", "", "/", kNoQuery, {{"Content-Type", "application/x-www-form-urlencoded"}}, hash("Param1=value1")},
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}),
    [](const auto& v) { return v.param.name; });

struct ExamplesOfS3 : ::testing::Test {
  const AwsCredentials who{
      "AKIAIOSFODNN7EXAMPLE", Secret(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")), {}, {}};
  std::string sign(SigV4Request request) {
    request.host = "examplebucket.s3.amazonaws.com";
    request.headers.emplace_back("x-amz-content-sha256", request.payload_sha256);
    return signature_of(sigv4_sign(request, {"us-east-1", "s3"}, who, *parse_time("2013-05-24T00:00:00Z")));
  }
};

TEST_F(ExamplesOfS3, Signatures) {
  EXPECT_EQ(sign({"GET", "", "/test.txt", {}, {{"Range", "bytes=0-9"}}, hash("")}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(sign({"PUT",
                  "",
                  uri_encode("/test$file.text", true),
                  {},
                  {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  hash("Welcome to Amazon S3.")}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(sign({"GET", "", "/", {{"lifecycle", ""}}, {}, hash("")}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(sign({"GET", "", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}, hash("")}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_F(ExamplesOfS3, ASessionsTokenIsSent) {
  AwsCredentials role = who;
  role.session_token = Secret(std::string_view("token"));
  const auto headers = sigv4_sign({"GET", "h", "/", {}, {}, hash("")}, {"r", "s3"}, role, WallTime{});
  EXPECT_TRUE(std::ranges::count(headers, std::pair<std::string, std::string>("x-amz-security-token", "token")) == 1);
  EXPECT_NE(headers.back().second.find("SignedHeaders=host;x-amz-date;x-amz-security-token,"), std::string::npos);
}

TEST(UriEncode, EncodesAndDecodes) {
  EXPECT_EQ(uri_encode("a/b c\xff~", true), "a/b%20c%FF~");
  EXPECT_EQ(uri_encode("a/b", false), "a%2Fb");
  EXPECT_EQ(*uri_decode("a%2fb+c%FF"), "a/b c\xff");
  for (const char* wrong : {"%", "%4", "%g0", "a%", "%-1", "% 1"}) EXPECT_FALSE(uri_decode(wrong)) << wrong;
}

TEST(HttpDate, IsReadStrictly) {
  EXPECT_EQ(format_time(*parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")), "1994-11-06T08:49:37Z");
  for (const char* wrong :
       {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_FALSE(parse_http_date(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace hf::remote
