// What a server answers is checked before it is believed: numbers that do not fit, from a server of our own that speaks the
// protocol. https://www.postgresql.org/docs/current/protocol-message-formats.html
#include <gtest/gtest.h>

#include "io/testing_net.h"
#include "remote/postgres_replication.h"

namespace hf::remote {
namespace {

constexpr Micros kPatience = 30s;

void append_number(std::string& out, std::uint32_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

std::string message(char type, const std::string& body) {
  std::string out(1, type);
  append_number(out, static_cast<std::uint32_t>(body.size() + 4), 4);
  return out + body;
}

// A row description and one row of text.
std::string row_of(const std::vector<std::string>& fields) {
  std::string names, values;
  append_number(names, static_cast<std::uint32_t>(fields.size()), 2);
  append_number(values, static_cast<std::uint32_t>(fields.size()), 2);
  constexpr std::uint32_t kText = 25;
  for (const std::string& f : fields) {
    names += std::string("c\0", 2) + std::string(6, '\0');
    append_number(names, kText, 4);
    names += std::string(8, '\0');
    append_number(values, static_cast<std::uint32_t>(f.size()), 4);
    values += f;
  }
  return message('T', names) + message('D', values) + message('C', std::string("SELECT\0", 7));
}

// Lets everybody in without a password, then answers the first command with `answer`.
TestServer::Handler answering(std::string answer, const std::string& version = "15.0") {
  const std::string status = std::string("server_version\0", 15) + version + std::string(1, '\0');
  return [answer = std::move(answer), status](TcpStream& stream, const Limit& limit) {
    const auto read_message = [&](bool typed) {
      Bytes head(typed ? 5 : 4);
      if (!stream.receive_exactly(head, limit)) return;
      const std::size_t length = static_cast<std::size_t>(head[head.size() - 2]) << 8 | head.back();
      Bytes body(length - 4);
      (void)stream.receive_exactly(body, limit);
    };
    read_message(false);
    const std::string ready = message('Z', "I");
    (void)stream.send_all(as_bytes(message('R', std::string(4, '\0')) +
                                   message('S', status) + ready), limit);
    read_message(true);
    (void)stream.send_all(as_bytes(answer + ready), limit);
    read_message(true);  // goodbye
  };
}

class PostgresAnswers : public ::testing::Test {
 protected:
  PgReplication client_of(const TestServer& server) {
    PgConnectOptions options;
    options.timeout = kPatience;
    auto made = PgReplication::connect("host=127.0.0.1 port=" + std::to_string(server.endpoint().port) +
                                           " user=x sslmode=disable gssencmode=disable", clock, options);
    if (!made) ADD_FAILURE() << made.error().text;
    return std::move(*made);
  }
  Result<BaseBackupEnd> backup_from(const std::string& answer, BaseBackupStart& started) {
    TestServer server("127.0.0.1", answering(answer));
    PgReplication client = client_of(server);
    BaseBackupSink sink;
    sink.on_start = [&](const BaseBackupStart& start) {
      started = start;
      return Status(make_error(ErrorKind::kCancelled, "seen"));
    };
    return client.base_backup({}, sink);
  }
  SystemClock clock;
};

const std::string kOneTablespace = row_of({"1663", "/there", "1"});

TEST_F(PostgresAnswers, AServerThatIsTooOldIsRefusedWithWhatToDo) {
  for (const auto& [version, shown] : {std::pair{"12.22", "12"}, std::pair{"9.6.24", "9"}}) {
    TestServer server("127.0.0.1", answering("", version));
    const std::string dsn = "host=127.0.0.1 port=" + std::to_string(server.endpoint().port) +
                            " user=x sslmode=disable gssencmode=disable";
    const auto made = PgReplication::connect(dsn, clock, {});
    ASSERT_FALSE(made) << version;
    EXPECT_EQ(made.error().kind, ErrorKind::kUnsupported);
    EXPECT_NE(made.error().text.find(std::string("is version ") + shown + ", older than 13"), std::string::npos)
        << made.error().text;
    EXPECT_EQ(made.error().hint, "Upgrade the server to PostgreSQL 13 or later.");
  }
  TestServer oldest("127.0.0.1", answering("", "13.0"));
  (void)client_of(oldest);
}

TEST_F(PostgresAnswers, AStartPositionIsRead) {
  BaseBackupStart started;
  EXPECT_EQ(backup_from(row_of({"1/2", "4294967295"}) + kOneTablespace, started).error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(started.timeline, 4294967295U);
  ASSERT_EQ(started.tablespaces.size(), 1U);
  EXPECT_EQ(started.tablespaces[0].oid, 1663U);
}

TEST_F(PostgresAnswers, ATimelineThatDoesNotFitIsRefused) {
  for (const char* timeline : {"0", "4294967297", "18446744073709551617", "-1", "one"}) {
    BaseBackupStart started;
    const auto end = backup_from(row_of({"1/2", timeline}) + kOneTablespace, started);
    ASSERT_FALSE(end);
    EXPECT_NE(end.error().kind, ErrorKind::kCancelled) << timeline << " was taken for " << started.timeline;
  }
}

TEST_F(PostgresAnswers, ATablespaceThatDoesNotFitIsRefused) {
  BaseBackupStart started;
  EXPECT_EQ(backup_from(row_of({"1/2", "1"}) + row_of({"4294967297", "/there", "1"}), started).error().kind,
            ErrorKind::kCorrupt);
}

TEST_F(PostgresAnswers, TheSizeOfWalSegmentsIsBoundedBeforeItIsShifted) {
  EXPECT_EQ(parse_wal_segment_size("16MB").value(), 16U << 20);
  EXPECT_EQ(parse_wal_segment_size("1GB").value(), 1U << 30);
  EXPECT_EQ(parse_wal_segment_size("1024kB").value(), 1U << 20);
  EXPECT_EQ(parse_wal_segment_size("16777216").value(), 16U << 20);
  EXPECT_EQ(parse_wal_segment_size("16777216B").value(), 16U << 20);
  // The last four are 1 MiB, or 16, once their upper bits are shifted out.
  for (const char* text : {"", "MB", "0", "3MB", "2GB", "512kB", "16TB", "-16MB", "17592186044417MB", "17592186044432MB",
                           "18014398509482000kB", "17179869185GB"})
    EXPECT_FALSE(parse_wal_segment_size(text)) << text;
  TestServer server("127.0.0.1", answering(row_of({"17592186044417MB"})));
  EXPECT_EQ(client_of(server).wal_segment_size().error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace hf::remote
