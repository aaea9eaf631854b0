// The sample service of the demo, and its customer.
//   orders serve --settings FILE --address A --port P --pid-file FILE
//   orders buy   --resolver A:P --name NAME --port P --acknowledgements FILE --attempts FILE --rate N [--address A]
//   [--first N]
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <thread>

#include "base/text.h"
#include "crypto/keys.h"
#include "io/signals.h"
#include "orders/client.h"
#include "orders/server.h"

namespace {

using namespace hf;

using Words = std::map<std::string, std::string>;

std::string word(const Words& words, const std::string& name) {
  auto it = words.find(name);
  return it == words.end() ? std::string() : it->second;
}

template <std::integral T>
T number(const Words& words, const std::string& name) {
  return parse_whole<T>(word(words, name)).value_or(0);
}

int fail(const std::string& text) {
  std::fprintf(stderr, "orders: %s\n", text.c_str());
  return 1;
}

// SIGUSR1 reads the settings again. It is blocked in every thread but the one that waits for it here.
void reload_on_signal(orders::LiveSettings& settings, std::stop_token stop) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  const timespec tick{0, 200'000'000};
  while (!stop.stop_requested()) {
    if (sigtimedwait(&set, nullptr, &tick) != SIGUSR1) continue;
    if (auto done = settings.reload(); !done)
      std::fprintf(stderr, "orders: settings not reloaded: %s\n", done.error().text.c_str());
  }
}

int serve(const Words& words, std::stop_token stop) {
  SystemClock clock;
  PosixFiles files;
  orders::LiveSettings settings(files, word(words, "--settings"));
  if (auto read = settings.reload(); !read) return fail(read.error().text);
  if (std::string path = word(words, "--pid-file"); !path.empty()) {
    if (auto wrote = write_file_atomic(files, path, as_bytes(std::to_string(getpid()))); !wrote)
      return fail(wrote.error().text);
  }
  std::jthread reloader([&](std::stop_token ended) { reload_on_signal(settings, ended); });
  const int port = number<int>(words, "--port");
  if (port <= 0) return fail("serve needs --port NUMBER");
  auto done = orders::serve(clock, settings, word(words, "--address"), port, stop);
  return done ? 0 : fail(done.error().text);
}

int buy(const Words& words, std::stop_token stop) {
  SystemClock clock;
  remote::CurlHttpClient http(clock);
  crypto::SystemEntropy entropy;
  remote::LdnsDnsClient dns(clock, entropy);
  orders::ClientOptions options;
  options.resolver = word(words, "--resolver");
  options.name = word(words, "--name");
  options.address = word(words, "--address");
  options.port = number<int>(words, "--port");
  if (options.port <= 0) return fail("buy needs --port NUMBER");
  options.acknowledgements = word(words, "--acknowledgements");
  options.attempts = word(words, "--attempts");
  if (int rate = number<int>(words, "--rate"); rate > 0) options.rate = rate;
  if (long first = number<long>(words, "--first"); first > 0) options.first = first;
  auto done = orders::run_client(clock, http, dns, options, stop);
  return done ? 0 : fail(done.error().text);
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t reload;
  sigemptyset(&reload);
  sigaddset(&reload, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &reload, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  SignalStop signals;
  Words words;
  for (int i = 2; i + 1 < argc; i += 2) words[argv[i]] = argv[i + 1];
  std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "serve") return serve(words, signals.token());
  if (verb == "buy") return buy(words, signals.token());
  return fail("use: orders serve ..., or orders buy ...");
}
