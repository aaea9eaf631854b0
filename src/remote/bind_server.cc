#include "remote/bind_server.h"

#include <unistd.h>

#include <algorithm>

namespace hf::remote {
namespace {

constexpr int kPortAttempts = 5;                 // somebody may take a free port before named does
constexpr std::size_t kProgramBytes = 64 << 20;
constexpr Micros kPollEvery = 20ms;
constexpr const char* kProgramCopy = "named-holdfast";

std::string zone_text(const BindZone& zone, int ttl_seconds) {
  return "$TTL " + std::to_string(ttl_seconds) +
         "\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n" + zone.records + "\n";
}

std::string config_text(const BindOptions& o, const Endpoint& at) {
  std::string out = "options {\n  directory \"" + o.folder + "\";\n  listen-on port " + std::to_string(at.port) + " { " +
                    at.address + "; };\n  listen-on-v6 { none; };\n  pid-file none;\n  session-keyfile none;\n"
                    "  recursion no;\n  dnssec-validation no;\n  empty-zones-enable no;\n  notify no;\n"
                    "  allow-query { any; };\n};\ncontrols {};\n";
  for (const TsigKey& k : o.keys) {
    out += "key \"" + k.name + "\" { algorithm " + k.algorithm + "; secret \"" + k.secret.reveal_text() + "\"; };\n";
  }
  for (const BindZone& z : o.zones) {
    out += "zone \"" + z.name + "\" { type primary; file \"" + z.name + ".zone\";";
    if (!z.updaters.empty()) {
      out += " update-policy {";
      for (const std::string& key : z.updaters) out += " grant " + key + " zonesub ANY;";
      out += " };";
    }
    out += " };\n";
  }
  return out;
}

Status give_folder(const Env& env, const BindOptions& o) {
  if (!o.user) return ok();
  HF_ASSIGN(std::vector<DirectoryEntry> entries, env.files.list(o.folder));
  std::vector<std::string> paths = {o.folder};
  for (const DirectoryEntry& e : entries) paths.push_back(join_path(o.folder, e.name));
  for (const std::string& path : paths)
    if (::lchown(path.c_str(), o.user->uid, o.user->gid) != 0) return errno_error(errno, "giving away", path);
  return ok();
}

Status write_folder(const Env& env, const BindOptions& o, const Endpoint& at) {
  HF_TRY(env.files.make_dirs(o.folder));
  auto program = read_file(env.files, o.program, kProgramBytes);
  if (!program) return std::move(program).error().with_hint("Install BIND: apt-get install bind9.");
  HF_TRY(write_file_atomic(env.files, join_path(o.folder, kProgramCopy), *program, 0700));
  for (const BindZone& z : o.zones) {
    HF_TRY(write_file_atomic(env.files, join_path(o.folder, z.name + ".zone"), as_bytes(zone_text(z, o.ttl_seconds))));
  }
  HF_TRY(write_file_atomic(env.files, join_path(o.folder, "named.conf"), as_bytes(config_text(o, at))));
  return give_folder(env, o);
}

ProcessSpec process_of(const BindOptions& o) {
  ProcessSpec spec;
  // -g: stays in the foreground
  spec.argv = {join_path(o.folder, kProgramCopy), "-g", "-n", "1", "-c", join_path(o.folder, "named.conf")};
  spec.cwd = o.folder;
  spec.user = o.user;
  spec.output_file = join_path(o.folder, "named.log");
  return spec;
}

std::string last_lines(const Env& env, const std::string& path) {
  auto text = read_file(env.files, path, 1 << 20);
  if (!text) return "";
  const std::string all = to_text(*text);
  return all.substr(all.size() - std::min<std::size_t>(all.size(), 800));
}

Result<Endpoint> pick_endpoint(const BindOptions& o) {
  if (o.port != 0) return Endpoint{o.address, o.port};
  HF_ASSIGN(const TcpListener listener, TcpListener::listen({o.address, 0}));
  return listener.endpoint();
}

}  // namespace

std::string BindServer::log_path() const { return join_path(options_.folder, "named.log"); }

// false: not yet; an error: it has ended.
Result<bool> BindServer::ready(DnsClient& dns, const std::stop_token& stop) {
  if (auto exit = process_->poll()) {
    return make_error(ErrorKind::kFailed, "named exited with " + std::to_string(exit->code));
  }
  for (const BindZone& zone : options_.zones) {
    auto answer = dns.query(endpoint_, zone.name, DnsType::kSoa, 500ms, stop);
    if (!answer || answer->rcode != 0 || !answer->authoritative) return false;
  }
  return true;
}

Result<BindServer> BindServer::start(const Env& env, DnsClient& dns, const BindOptions& options, std::stop_token stop) {
  const MonoTime deadline = env.clock.mono() + options.start_timeout;
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const Endpoint at, pick_endpoint(options));
    HF_TRY(write_folder(env, options, at));
    HF_ASSIGN(std::unique_ptr<Process> process, env.processes.spawn(process_of(options)));
    BindServer server(options, at, std::move(process));
    Result<bool> up = server.ready(dns, stop);
    while (up && !*up && env.clock.mono() < deadline) {
      if (!env.clock.sleep_until(env.clock.mono() + kPollEvery, stop)) {
        return make_error(ErrorKind::kCancelled, "starting named: stopped");
      }
      up = server.ready(dns, stop);
    }
    if (up && *up) return server;
    const std::string log = last_lines(env, server.log_path());
    if (up) return make_error(ErrorKind::kTimeout, "starting named on " + to_string(at) + ": no answer; its log ends: " + log);
    if (options.port != 0 || attempt == kPortAttempts) return std::move(up).error().with_context("its log ends: " + log);
  }
}

}  // namespace hf::remote
