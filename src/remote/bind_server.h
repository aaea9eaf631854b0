// A BIND 9 of our own, for the lab and for tests: a copy of the installed named (its AppArmor profile confines the
// installed path to the system's own folders), authoritative for the zones given, in a folder of its own, ended with
// its object.
// Needs nothing but io and remote/dns.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/env.h"
#include "io/sockets.h"
#include "remote/dns.h"

namespace hf::remote {

struct BindZone {
  std::string name;                    // "demo.test"
  std::string records;                 // lines of a zone file; SOA and NS are made
  std::vector<std::string> updaters;   // names of the keys that may update it; empty: nobody
};

struct BindOptions {
  std::string program = "/usr/sbin/named";
  std::string folder;                  // for everything it writes; made if absent
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;              // 0: a free one
  std::vector<TsigKey> keys;
  std::vector<BindZone> zones;
  std::optional<UserIds> user;         // who runs it, and owns its folder; empty: we
  int ttl_seconds = 60;
  Micros start_timeout = 20s;
};

class BindServer {
 public:
  // Returns once it answers for every zone. kNotFound with a hint where BIND is not installed.
  static Result<BindServer> start(const Env& env, DnsClient& dns, const BindOptions& options, std::stop_token stop = {});

  const Endpoint& endpoint() const { return endpoint_; }
  Process& process() { return *process_; }
  std::string log_path() const;

 private:
  BindServer(BindOptions options, Endpoint endpoint, std::unique_ptr<Process> process)
      : options_(std::move(options)), endpoint_(std::move(endpoint)), process_(std::move(process)) {}
  Result<bool> ready(DnsClient& dns, const std::stop_token& stop);

  BindOptions options_;
  Endpoint endpoint_;
  std::unique_ptr<Process> process_;
};

}  // namespace hf::remote
