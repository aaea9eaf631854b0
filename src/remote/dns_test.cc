// Against a real BIND 9. A fake server stands in only for what BIND never says: silence, SERVFAIL, forged answers.
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/hex.h"
#include "io/testing_folder.h"
#include "io/testing_net.h"
#include "remote/bind_server.h"
#include "remote/dns.h"

namespace hf::remote {
namespace {

struct DnsTest : ::testing::Test {
  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env{clock, rng, files, processes, log};
  crypto::SystemEntropy entropy;
  LdnsDnsClient dns{clock, entropy};
  TestFolder folder;

  static TsigKey key(const std::string& name, const std::string& algorithm, char fill) {
    return {name, algorithm, Secret(to_base64(Bytes(32, static_cast<std::uint8_t>(fill))))};
  }
  const TsigKey good = key("failover", "hmac-sha256", 'a');
  const TsigKey strong = key("strong", "hmac-sha512", 'b');

  BindServer bind() {
    BindOptions o;
    o.folder = folder.file("bind");
    o.keys = {good, strong};
    std::string many;
    for (int i = 1; i <= 90; ++i) many += "many IN A 10.0.0." + std::to_string(i) + "\n";
    o.zones = {{"demo.test", "orders 7 IN A 127.0.1.1\nwww IN CNAME orders\nnote IN TXT \"a b\" \"c\"\n" + many +
                                 "loop IN CNAME loop2\nloop2 IN CNAME loop\n",
                {"failover", "strong"}},
               {"closed.test", "a IN A 127.0.1.1\n", {}}};
    auto server = BindServer::start(env, dns, o);
    if (!server) ADD_FAILURE() << server.error().text;
    HF_CHECK(server.has_value());
    return std::move(*server);
  }
  DnsUpdate move_to(const std::string& address, const TsigKey& with) const {
    DnsUpdate u;
    u.zone = "demo.test";
    u.key = with;
    u.name = "orders.demo.test";
    u.ttl_seconds = 5;
    u.values = {address};
    return u;
  }
  std::vector<std::string> orders(const BindServer& server) {
    return dns.query(server.endpoint(), "orders.demo.test", DnsType::kA, 10s, {}).value().values(DnsType::kA);
  }
  using Values = std::vector<std::string>;
};

TEST_F(DnsTest, Queries) {
  const BindServer server = bind();
  auto a = dns.query(server.endpoint(), "Orders.Demo.test", DnsType::kA, 10s, {});
  ASSERT_TRUE(a) << a.error().text;
  EXPECT_EQ(a->rcode, 0);
  EXPECT_EQ(a->rcode_name, "NOERROR");
  EXPECT_TRUE(a->authoritative);
  EXPECT_EQ(a->ttl_seconds, 7U);
  EXPECT_EQ(a->values(DnsType::kA), Values{"127.0.1.1"});
  auto query = [&](const std::string& name, DnsType type) { return dns.query(server.endpoint(), name, type, 10s, {}).value(); };
  EXPECT_EQ(query("note.demo.test", DnsType::kTxt).values(DnsType::kTxt), Values{"a bc"});
  EXPECT_EQ(query("demo.test", DnsType::kSoa).values(DnsType::kSoa), Values{"1"});
  EXPECT_EQ(query("www.demo.test", DnsType::kCname).values(DnsType::kCname), Values{"orders.demo.test"});
  EXPECT_EQ(query("absent.demo.test", DnsType::kA).rcode_name, "NXDOMAIN");
  EXPECT_EQ(query("elsewhere.example", DnsType::kA).rcode_name, "REFUSED");
  EXPECT_EQ(query("many.demo.test", DnsType::kA).values(DnsType::kA).size(), 90U) << "truncated over UDP, whole over TCP";
  EXPECT_EQ(dns.query(server.endpoint(), "bad..name", DnsType::kA, 10s, {}).error().kind, ErrorKind::kInvalid);
}

TEST_F(DnsTest, ResolveFollowsAliasesAndSaysWhatIsAbsent) {
  const BindServer server = bind();
  auto www = resolve_address(dns, server.endpoint(), "www.demo.test", 10s, {});
  ASSERT_TRUE(www) << www.error().text;
  EXPECT_EQ(www->addresses, Values{"127.0.1.1"});
  EXPECT_EQ(www->ttl_seconds, 7U);
  EXPECT_EQ(resolve_address(dns, server.endpoint(), "absent.demo.test", 10s, {}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(resolve_address(dns, server.endpoint(), "elsewhere.example", 10s, {}).error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(resolve_address(dns, server.endpoint(), "loop.demo.test", 10s, {}));
}

TEST_F(DnsTest, SignedUpdateReplacesTheWholeRrset) {
  const BindServer server = bind();
  for (const TsigKey& k : {good, strong}) {
    DnsUpdate u = move_to("127.0.2.1", k);
    u.values = {"127.0.2.1", "127.0.2.2"};
    Status done = dns.update(server.endpoint(), u, 10s, {});
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(orders(server), (Values{"127.0.2.1", "127.0.2.2"}));
    ASSERT_TRUE(dns.update(server.endpoint(), move_to("127.0.3.1", k), 10s, {}));
    EXPECT_EQ(orders(server), Values{"127.0.3.1"});
  }
  auto a = dns.query(server.endpoint(), "orders.demo.test", DnsType::kA, 10s, {});
  EXPECT_EQ(a->ttl_seconds, 5U);
  DnsUpdate text = move_to("", good);
  text.name = "epoch.demo.test";
  text.type = DnsType::kTxt;
  text.values = {std::string(300, 'x')};
  ASSERT_TRUE(dns.update(server.endpoint(), text, 10s, {}));
  EXPECT_EQ(dns.query(server.endpoint(), text.name, DnsType::kTxt, 10s, {})->values(DnsType::kTxt), text.values);
  DnsUpdate gone = move_to("", good);
  gone.values.clear();
  ASSERT_TRUE(dns.update(server.endpoint(), gone, 10s, {}));
  EXPECT_EQ(orders(server), Values{});
}

TEST_F(DnsTest, ExpectedValuesGuardAnUpdate) {
  const BindServer server = bind();
  DnsUpdate u = move_to("127.0.2.1", good);
  u.expected = Values{"127.0.9.9"};
  Status blocked = dns.update(server.endpoint(), u, 10s, {});
  EXPECT_EQ(blocked.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(blocked.error().effect, Effect::kNone);
  u.expected = Values{};
  EXPECT_EQ(dns.update(server.endpoint(), u, 10s, {}).error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(orders(server), Values{"127.0.1.1"});
  u.expected = Values{"127.0.1.1"};
  ASSERT_TRUE(dns.update(server.endpoint(), u, 10s, {}));
  EXPECT_EQ(orders(server), Values{"127.0.2.1"});
}

TEST_F(DnsTest, EveryRefusalIsDeniedSaysWhyAndChangesNothing) {
  const BindServer server = bind();
  auto refused = [&](const DnsUpdate& u, const std::string& word) {
    Status s = dns.update(server.endpoint(), u, 10s, {});
    ASSERT_FALSE(s) << word;
    EXPECT_EQ(s.error().kind, ErrorKind::kDenied);
    EXPECT_EQ(s.error().effect, Effect::kNone);
    EXPECT_NE(s.error().text.find(word), std::string::npos) << s.error().text;
    EXPECT_NE(s.error().hint.find("Nothing was changed"), std::string::npos);
    EXPECT_EQ(orders(server), Values{"127.0.1.1"});
  };
  refused(move_to("127.0.2.1", key("failover", "hmac-sha256", 'z')), "BADSIG");
  refused(move_to("127.0.2.1", key("stranger", "hmac-sha256", 'a')), "BADKEY");
  DnsUpdate closed = move_to("127.0.2.1", good);
  closed.zone = "closed.test";
  closed.name = "a.closed.test";
  refused(closed, "REFUSED");
  DnsUpdate elsewhere = move_to("127.0.2.1", good);
  elsewhere.zone = "example";
  elsewhere.name = "a.example";
  refused(elsewhere, "NOTAUTH");
  DnsUpdate unsigned_one = move_to("127.0.2.1", good);
  unsigned_one.key.reset();
  refused(unsigned_one, "REFUSED");
}

TEST_F(DnsTest, WhatCannotBeSentIsRefusedBeforeSending) {
  const Endpoint nobody{"127.0.0.1", free_port("127.0.0.1")};
  DnsUpdate u = move_to("127.0.2.1", good);
  u.name = "orders.example";
  EXPECT_EQ(dns.update(nobody, u, 1s, {}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(dns.update(nobody, move_to("nonsense", good), 1s, {}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(dns.update(nobody, move_to("127.0.2.1", key("k", "hmac-sha384", 'a')), 1s, {}).error().kind,
            ErrorKind::kUnsupported);
  Status unreachable = dns.update(nobody, move_to("127.0.2.1", good), 10s, {});
  EXPECT_EQ(unreachable.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(unreachable.error().effect, Effect::kNone);
  EXPECT_EQ(dns.query(nobody, "demo.test", DnsType::kSoa, 10s, {}).error().kind, ErrorKind::kUnavailable);
}

TEST_F(DnsTest, FrozenServerIsATimeoutThatMayHaveHappened) {
  BindServer server = bind();
  ASSERT_TRUE(server.process().signal(SIGSTOP));
  for (int i = 0; i < 100 && dns.query(server.endpoint(), "demo.test", DnsType::kSoa, 200ms, {}); ++i) {}  // threads stop in turn
  Status frozen = dns.update(server.endpoint(), move_to("127.0.2.1", good), 2s, {});
  ASSERT_FALSE(frozen);
  EXPECT_EQ(frozen.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(frozen.error().effect, Effect::kMaybe);
  EXPECT_FALSE(frozen.error().hint.empty());
  EXPECT_EQ(dns.query(server.endpoint(), "demo.test", DnsType::kSoa, 200ms, {}).error().kind, ErrorKind::kTimeout);
  ASSERT_TRUE(server.process().signal(SIGCONT));
  for (int i = 0; i < 3000 && orders(server) != Values{"127.0.2.1"}; ++i) clock.sleep_until(clock.mono() + 10ms, {});
  EXPECT_EQ(orders(server), Values{"127.0.2.1"}) << "the update that timed out was done after all";
}

// Echoes the request with QR set and the rcode given, unsigned.
TestServer::Handler echo(int rcode) {
  return [rcode](TcpStream& s, const Limit& limit) {
    Bytes length(2);
    if (!s.receive_exactly(length, limit)) return;
    Bytes message(static_cast<std::size_t>(length[0] << 8 | length[1]));
    if (!s.receive_exactly(message, limit)) return;
    Bytes reply = {0, 12, message[0], message[1], static_cast<std::uint8_t>(message[2] | 0x80),
                   static_cast<std::uint8_t>(rcode), 0, 0, 0, 0, 0, 0, 0, 0};
    (void)s.send_all(reply, limit);
  };
}

TEST_F(DnsTest, UnsignedSuccessIsNotBelievedAndServfailIsUnavailable) {
  TestServer forger("127.0.0.1", echo(0));
  Status forged = dns.update(forger.endpoint(), move_to("127.0.2.1", good), 10s, {});
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(forged.error().effect, Effect::kMaybe);
  TestServer failing("127.0.0.1", echo(2));
  Status failed = dns.update(failing.endpoint(), move_to("127.0.2.1", good), 10s, {});
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(failed.error().text.find("SERVFAIL"), std::string::npos);
  EXPECT_EQ(failed.error().effect, Effect::kNone);
}

}  // namespace
}  // namespace hf::remote
