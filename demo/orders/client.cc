#include "orders/client.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "base/json.h"

namespace orders {

using namespace hf;

namespace {

constexpr Micros kOrderTimeout = 1s;
constexpr Micros kResolveTimeout = 500ms;
constexpr Micros kTrustNameFor = 1s;

// Lines appended to a file by several threads; a line is in the file when add() returns.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : fd_(path.empty() ? -1 : ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644)) {}
  ~Lines() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  bool add(const std::string& line) {
    return fd_ < 0 || ::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  }

 private:
  int fd_;
};

// Where orders go: looked up again every second and after each failure.
class Address {
 public:
  Address(Clock& clock, remote::DnsClient& dns, const ClientOptions& options)
      : clock_(clock), dns_(dns), options_(options) {}

  Result<Endpoint> get(std::stop_token stop) {
    std::string where = options_.port == 0 ? "" : ":" + std::to_string(options_.port);
    if (!options_.address.empty()) return parse_endpoint(options_.address + where);
    std::lock_guard lock(mutex_);
    if (known_ && clock_.mono() < until_) return *known_;
    HF_ASSIGN(Endpoint server, parse_endpoint(options_.resolver));
    HF_ASSIGN(remote::Resolved resolved, remote::resolve_address(dns_, server, options_.name, kResolveTimeout, stop));
    HF_ASSIGN(Endpoint found, parse_endpoint(resolved.addresses.front() + where));
    known_ = found;
    until_ = clock_.mono() + kTrustNameFor;
    return found;
  }
  void forget() {
    std::lock_guard lock(mutex_);
    known_.reset();
  }

 private:
  Clock& clock_;
  remote::DnsClient& dns_;
  const ClientOptions& options_;
  std::mutex mutex_;
  std::optional<Endpoint> known_;
  MonoTime until_{};
};

struct Shop {
  Clock& clock;
  remote::HttpClient& http;
  const ClientOptions& options;
  Address& address;
  Lines& acknowledged;
  Lines& attempted;
  std::atomic<long>& next;
};

void order_once(Shop& shop, std::stop_token stop) {
  auto where = shop.address.get(stop);
  if (!where) return;
  long number = shop.next++;
  remote::HttpRequest request;
  request.method = "POST";
  request.url = "http://" + shop.options.name + ":" + std::to_string(shop.options.port) + "/orders";
  request.connect_to = *where;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = to_bytes(
      dump_json(Json::object().set("number", std::int64_t{number}).set("item", "book " + std::to_string(number))));
  if (!shop.attempted.add(std::to_string(number) + "\n")) return;
  auto response = shop.http.send(request, kOrderTimeout, stop);
  if (!response || response->status != 201) {
    shop.address.forget();
    return;
  }
  shop.acknowledged.add(std::to_string(number) + " " + std::to_string(shop.clock.wall().time_since_epoch().count()) +
                        "\n");
}

void work(Shop& shop, int worker, std::stop_token stop) {
  const Micros period(1'000'000LL * shop.options.workers / shop.options.rate);
  MonoTime due = shop.clock.mono() + period * worker / shop.options.workers;
  while (shop.clock.sleep_until(due, stop)) {
    order_once(shop, stop);
    due = std::max(due + period, shop.clock.mono());
  }
}

}  // namespace

Status run_client(Clock& clock, remote::HttpClient& http, remote::DnsClient& dns, const ClientOptions& options,
                  std::stop_token stop) {
  Address address(clock, dns, options);
  Lines acknowledged(options.acknowledgements), attempted(options.attempts);
  std::atomic<long> next{options.first};
  Shop shop{clock, http, options, address, acknowledged, attempted, next};
  std::vector<std::jthread> workers;
  for (int i = 0; i < options.workers; ++i) workers.emplace_back([&shop, i, stop] { work(shop, i, stop); });
  workers.clear();
  return ok();
}

}  // namespace orders
