#include "orders/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <thread>

#include "base/json.h"

namespace orders {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::uint64_t kMaxBodyBytes = 64 << 10;

Response answer(const Request& request, http::status status, hf::Json body) {
  Response out{status, request.version()};
  out.set(http::field::content_type, "application/json");
  out.body() = hf::dump_json(body) + "\n";
  out.keep_alive(request.keep_alive());
  out.prepare_payload();
  return out;
}

Response refuse(const Request& request, http::status status, const std::string& why) {
  return answer(request, status, hf::Json::object().set("error", why));
}

Response post_order(const Request& request, const Settings& settings, Database& database) {
  auto body = hf::parse_json(request.body());
  if (!body || !(*body)["number"].is_int())
    return refuse(request, http::status::bad_request, "the body names no number");
  std::int64_t number = (*body)["number"].as_int();
  if (auto done = database.insert(settings, number, (*body)["item"].as_string()); !done)
    return refuse(request, http::status::service_unavailable, done.error().text);
  return answer(request, http::status::created,
                hf::Json::object().set("number", number).set("region", settings.region));
}

Response get_order(const Request& request, const Settings& settings, Database& database) {
  std::string_view text = std::string_view(request.target().data(), request.target().size()).substr(8);
  long number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return refuse(request, http::status::bad_request, "not a number");
  auto found = database.exists(settings, number);
  if (!found) return refuse(request, http::status::service_unavailable, found.error().text);
  if (!*found) return refuse(request, http::status::not_found, "no such order");
  return answer(request, http::status::ok, hf::Json::object().set("number", std::int64_t{number}));
}

Response handle(const Request& request, const Settings& settings, Database& database) {
  std::string_view target(request.target().data(), request.target().size());
  if (target == "/health" && request.method() == http::verb::get) {
    if (auto good = database.check_writable(settings); !good)
      return refuse(request, http::status::service_unavailable, good.error().text);
    return answer(request, http::status::ok, hf::Json::object().set("status", "ok").set("region", settings.region));
  }
  if (target == "/orders" && request.method() == http::verb::post) return post_order(request, settings, database);
  if (target.starts_with("/orders/") && request.method() == http::verb::get)
    return get_order(request, settings, database);
  return refuse(request, http::status::not_found, "no such page");
}

// One client, until it goes away or a stop is asked for.
void converse(tcp::socket socket, hf::Clock& clock, LiveSettings& settings, std::stop_token stop) {
  Database database(clock);
  int fd = socket.native_handle();
  std::stop_callback on_stop(stop, [fd] { ::shutdown(fd, SHUT_RDWR); });
  beast::flat_buffer buffer;
  beast::error_code error;
  while (!error && !stop.stop_requested()) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBodyBytes);
    http::read(socket, buffer, parser, error);
    if (error) break;
    Response response = handle(parser.get(), settings.get(), database);
    http::write(socket, response, error);
    if (!response.keep_alive()) break;
  }
}

}  // namespace

hf::Status LiveSettings::reload() {
  HF_ASSIGN(hf::Bytes text, hf::read_file(files_, path_, 64 << 10));
  HF_ASSIGN(Settings fresh, parse_settings(hf::as_text(text)));
  std::lock_guard lock(mutex_);
  settings_ = std::move(fresh);
  return hf::ok();
}

Settings LiveSettings::get() {
  std::lock_guard lock(mutex_);
  return settings_;
}

hf::Status serve(hf::Clock& clock, LiveSettings& settings, const std::string& address, int port, std::stop_token stop) {
  boost::asio::io_context io;
  beast::error_code error;
  auto where = boost::asio::ip::make_address(address, error);
  if (error) return hf::make_error(hf::ErrorKind::kUsage, "'" + address + "' is not an address");
  tcp::acceptor acceptor(io);
  acceptor.open(where.is_v6() ? tcp::v6() : tcp::v4(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({where, static_cast<unsigned short>(port)}, error);
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error)
    return hf::make_error(hf::ErrorKind::kFailed,
                          "listening on " + address + ":" + std::to_string(port) + ": " + error.message());

  std::atomic<int> open{0};
  std::vector<std::jthread> threads;
  int listener = acceptor.native_handle();
  std::stop_callback on_stop(stop, [listener] { ::shutdown(listener, SHUT_RDWR); });
  while (!stop.stop_requested()) {
    tcp::socket socket(io);
    acceptor.accept(socket, error);
    if (error) continue;
    if (open.load() >= kMaxConnections) continue;  // closed at once: the client tries again
    ++open;
    threads.emplace_back([&, socket = std::move(socket)]() mutable {
      converse(std::move(socket), clock, settings, stop);
      --open;
    });
    if (threads.size() > 4 * kMaxConnections && open.load() == 0) threads.clear();
  }
  return hf::ok();
}

}  // namespace orders
