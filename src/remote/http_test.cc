// Against a real TCP server that says exactly what each test wants said.
#include <gtest/gtest.h>

#include <atomic>

#include "io/testing_net.h"
#include "remote/http.h"

namespace hf::remote {
namespace {

std::string read_request(TcpStream& s, const Limit& limit) {
  std::string text;
  Bytes buffer(4096);
  while (text.find("\r\n\r\n") == std::string::npos) {
    auto n = s.receive(buffer, limit);
    if (!n || *n == 0) return text;
    text += as_text(ByteView(buffer).first(*n));
  }
  return text;
}

struct HttpTest : ::testing::Test {
  SystemClock clock;
  CurlHttpClient client{clock};
  std::string seen;

  // Answers each request with `answer`, then closes.
  TestServer::Handler says(std::string answer, bool hang = false) {
    return [this, answer, hang](TcpStream& s, const Limit& limit) {
      seen = read_request(s, limit);
      (void)s.send_all(as_bytes(answer), limit);
      Bytes rest(1);
      if (hang) (void)s.receive(rest, limit);
    };
  }
  static std::string url(const TestServer& server) { return "http://" + to_string(server.endpoint()) + "/path?q=1"; }
  Result<HttpResponse> get(const std::string& address, Micros timeout = 30s) {
    HttpRequest q;
    q.url = address;
    return client.send(q, timeout, {});
  }
};

TEST_F(HttpTest, AnswerWithHeadersAndBody) {
  TestServer server("127.0.0.1", says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Region:  west\r\n\r\nhello"));
  auto answer = get(url(server));
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(to_text(answer->body), "hello");
  EXPECT_EQ(answer->header("x-region"), "west");
  EXPECT_EQ(answer->header("absent"), "");
  EXPECT_GT(answer->elapsed.count(), 0);
  EXPECT_EQ(seen.substr(0, 24), "GET /path?q=1 HTTP/1.1\r\n");
}

TEST_F(HttpTest, ErrorStatusAndRedirectAreAnswers) {
  TestServer server("127.0.0.1", says("HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(get(url(server))->status, 503);
  TestServer away("127.0.0.1", says("HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(get(url(away))->status, 302);
}

TEST_F(HttpTest, BodyAndHeadersOfAPostArrive) {
  std::string body;
  TestServer server("127.0.0.1", [&](TcpStream& s, const Limit& limit) {
    const std::string head = read_request(s, limit);
    Bytes rest(4 - (head.size() - head.find("\r\n\r\n") - 4));
    ASSERT_TRUE(s.receive_exactly(rest, limit));
    body = head + to_text(rest);
    ASSERT_TRUE(s.send_all(as_bytes("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n"), limit));
  });
  HttpRequest q;
  q.method = "PUT";
  q.url = url(server);
  q.headers = {{"X-Number", "7"}};
  q.body = to_bytes("data");
  auto answer = client.send(q, 30s, {});
  ASSERT_TRUE(answer) << answer.error().text;
  server.stop();
  EXPECT_EQ(answer->status, 201);
  EXPECT_TRUE(body.starts_with("PUT "));
  EXPECT_NE(body.find("X-Number: 7\r\n"), std::string::npos);
  EXPECT_TRUE(body.ends_with("\r\n\r\ndata"));
}

TEST_F(HttpTest, NameGoesWhereTheCallerSaysAndNeverToLibc) {
  TestServer server("127.0.0.1", says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  HttpRequest q;
  q.url = "http://orders.demo.test:9999/health";
  q.connect_to = server.endpoint();
  auto answer = client.send(q, 30s, {});
  ASSERT_TRUE(answer) << answer.error().text;
  server.stop();
  EXPECT_NE(seen.find("Host: orders.demo.test:9999\r\n"), std::string::npos);
  auto local = get("http://localhost:" + std::to_string(server.endpoint().port) + "/");
  ASSERT_FALSE(local);
  EXPECT_EQ(local.error().kind, ErrorKind::kInvalid);
  EXPECT_FALSE(local.error().hint.empty());
}

TEST_F(HttpTest, SlowBodyTimesOut) {
  TestServer server("127.0.0.1", says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", true));
  auto answer = get(url(server), 100ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(answer.error().effect, Effect::kNone);
}

TEST_F(HttpTest, LostAnswerOfAPostMayHaveHappened) {
  std::atomic<bool> arrived = false;
  TestServer server("127.0.0.1", [&](TcpStream& s, const Limit& limit) {
    arrived = !read_request(s, limit).empty();
    Bytes rest(1);
    (void)s.receive(rest, limit);
  });
  HttpRequest q;
  q.method = "POST";
  q.url = url(server);
  auto answer = client.send(q, 100ms, {});
  // A busy machine may need more time to send it.
  for (Micros timeout = 500ms; !arrived && timeout < 60s; timeout *= 5) answer = client.send(q, timeout, {});
  EXPECT_EQ(answer.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(answer.error().effect, Effect::kMaybe);
  server.stop();
  auto refused = client.send(q, 30s, {});
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().effect, Effect::kNone);
}

TEST_F(HttpTest, OversizeBodyAndHeadersAreRefused) {
  TestServer server("127.0.0.1",
                    says("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x')));
  EXPECT_EQ(get(url(server)).error().kind, ErrorKind::kExhausted);
  TestServer chatty("127.0.0.1", says("HTTP/1.1 200 OK\r\nX: " + std::string(90'000, 'x') + "\r\n\r\n", true));
  EXPECT_EQ(get(url(chatty)).error().kind, ErrorKind::kExhausted);
}

TEST_F(HttpTest, ResetInMidBodyIsAnError) {
  TestServer server("127.0.0.1", [&](TcpStream& s, const Limit& limit) {
    read_request(s, limit);
    ASSERT_TRUE(s.send_all(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhe"), limit));
    const linger now{1, 0};  // closing sends RST
    ASSERT_EQ(::setsockopt(s.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  });
  EXPECT_EQ(get(url(server)).error().kind, ErrorKind::kUnavailable);
  TestServer shorter("127.0.0.1", says("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhe"));
  EXPECT_EQ(get(url(shorter)).error().kind, ErrorKind::kUnavailable);
  TestServer noise("127.0.0.1", says("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
  EXPECT_EQ(get(url(noise)).error().kind, ErrorKind::kUnavailable);
}

TEST_F(HttpTest, StopEndsATransfer) {
  TestServer server("127.0.0.1", says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", true));
  std::stop_source source;
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    source.request_stop();
  });
  HttpRequest q;
  q.url = url(server);
  EXPECT_EQ(client.send(q, 600s, source.get_token()).error().kind, ErrorKind::kCancelled);
}

TEST_F(HttpTest, BadAddresses) {
  for (const char* bad :
       {"", "127.0.0.1", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "file:///etc/passwd"}) {
    EXPECT_EQ(get(bad).error().kind, ErrorKind::kInvalid) << bad;
  }
  EXPECT_EQ(host_of_url("https://[::1]/x")->host, "::1");
  EXPECT_EQ(host_of_url("https://[::1]/x")->port, 443);
  EXPECT_EQ(host_of_url("http://a.test:81")->port, 81);
}

}  // namespace
}  // namespace hf::remote
