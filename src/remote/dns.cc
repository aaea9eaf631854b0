#include "remote/dns.h"

#include <algorithm>

#include "remote/dns_wire.h"

namespace hf::remote {
namespace {

constexpr int kUdpAttempts = 3;
constexpr std::size_t kUdpReplyBytes = 4096;
constexpr int kCnameHops = 8;              // a longer chain is a loop
constexpr int kRcodeNxrrset = 8;
constexpr int kRcodeYxrrset = 7;
constexpr int kRcodeNotAuth = 9;
constexpr int kRcodeNotZone = 10;
constexpr int kBadSig = 16;
constexpr int kBadKey = 17;
constexpr int kBadTime = 18;

// RFC 1035 section 4.2.2: a length of two bytes, then the message.
Result<Bytes> over_tcp(const Endpoint& server, ByteView message, const Limit& limit, bool& sent) {
  HF_ASSIGN(TcpStream stream, TcpStream::connect(server, limit));
  Bytes framed = {static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())};
  framed.insert(framed.end(), message.begin(), message.end());
  sent = true;
  HF_TRY(stream.send_all(framed, limit));
  Bytes length(2);
  HF_TRY(stream.receive_exactly(length, limit));
  Bytes reply(static_cast<std::size_t>(length[0] << 8 | length[1]));
  HF_TRY(stream.receive_exactly(reply, limit));
  return reply;
}

// Until a reply that fits comes, the time for one try is up, or the server refuses.
Result<LdnsPacket> receive_reply(UdpSocket& socket, const ldns_pkt& request, const Limit& limit) {
  while (true) {
    Bytes buffer(kUdpReplyBytes);
    HF_ASSIGN(const std::size_t n, socket.receive(buffer, limit));
    auto reply = read_reply(ByteView(buffer).first(n), request);
    if (reply) return reply;  // anything else may be a late reply to another message, or a forgery
  }
}

Result<LdnsPacket> over_udp(const Endpoint& server, const ldns_pkt& request, ByteView wire, const Limit& limit) {
  HF_ASSIGN(UdpSocket socket, UdpSocket::connect(server));
  const auto one_try = (limit.deadline - limit.clock.mono()) / kUdpAttempts;
  for (int attempt = 1;; ++attempt) {
    const MonoTime until = attempt == kUdpAttempts ? limit.deadline : limit.clock.mono() + one_try;
    HF_TRY(socket.send(wire));
    auto reply = receive_reply(socket, request, Limit{limit.clock, until, limit.stop});
    if (reply || reply.error().kind != ErrorKind::kTimeout || attempt == kUdpAttempts) return reply;
  }
}

Error refusal(const Endpoint& server, const DnsUpdate& u, int rcode, int tsig) {
  const std::string what = "updating " + u.name + " at " + to_string(server) + ": " + rcode_name(rcode);
  const std::string key = u.key ? u.key->name : "(none)";
  const auto say = [&](ErrorKind kind, const std::string& text, std::string hint) {
    return make_error(kind, what + text).with_hint(std::move(hint)).with_object(u.name);
  };
  if (tsig == kBadKey || tsig == kBadSig) {
    return say(ErrorKind::kDenied, tsig == kBadKey ? " (BADKEY)" : " (BADSIG)",
               "Check name, algorithm and secret of the TSIG key " + key + " on both sides. Nothing was changed.");
  }
  if (tsig == kBadTime) {
    return say(ErrorKind::kDenied, " (BADTIME)",
               "The clocks of this machine and of the server differ by more than 5 minutes. Nothing was changed.");
  }
  switch (rcode) {
    case kRcodeNotAuth:
    case kRcodeNotZone:
      return say(ErrorKind::kDenied, "", "The server is not the primary of the zone " + u.zone +
                                             ": name the one that is. Nothing was changed.");
    case LDNS_RCODE_REFUSED:
      return say(ErrorKind::kDenied, "", "Allow the key " + key + " to update " + u.name + " (update-policy or " +
                                             "allow-update of the zone). Nothing was changed.");
    case LDNS_RCODE_SERVFAIL:
      return say(ErrorKind::kUnavailable, "", "Look at the server's log: it could not write the zone. Nothing was changed.");
    case kRcodeNxrrset:
    case kRcodeYxrrset:
      return say(ErrorKind::kBlocked, ", the record is not what it was expected to be",
                 "Somebody else changed it: look at it and decide again. Nothing was changed.");
    default: return say(ErrorKind::kFailed, "", "Nothing was changed.");
  }
}

Error unknown_outcome(Error e, const DnsUpdate& u) {
  return std::move(e).with_hint("It is not known whether " + u.name + " was changed: ask the server what it is now.")
      .maybe_happened();
}

}  // namespace

std::vector<std::string> DnsAnswer::values(DnsType type) const {
  std::vector<std::string> out;
  for (const DnsRecord& r : records) {
    if (r.type == type) out.push_back(r.value);
  }
  std::ranges::sort(out);
  return out;
}

std::uint16_t LdnsDnsClient::new_id() {
  const Bytes random = entropy_.bytes(2);
  return static_cast<std::uint16_t>(random[0] << 8 | random[1]);
}

Result<DnsAnswer> LdnsDnsClient::query(const Endpoint& server, const std::string& name, DnsType type, Micros timeout,
                                       std::stop_token stop) {
  const auto ask = [&]() -> Result<DnsAnswer> {
    const Limit limit = Limit::after(clock_, timeout, stop);
    HF_ASSIGN(const LdnsPacket request, make_query(new_id(), name, type));
    HF_ASSIGN(const Bytes wire, to_wire(*request));
    HF_ASSIGN(LdnsPacket reply, over_udp(server, *request, wire, limit));
    if (!ldns_pkt_tc(reply.get())) return to_answer(*reply);
    bool sent = false;
    HF_ASSIGN(const Bytes whole, over_tcp(server, wire, limit, sent));
    HF_ASSIGN(reply, read_reply(whole, *request));
    return to_answer(*reply);
  };
  auto answer = ask();
  if (answer) return answer;
  return std::move(answer).error().with_context("asking " + to_string(server) + " for " + name + " " +
                                                std::string(to_string(type)));
}

Status LdnsDnsClient::update(const Endpoint& server, const DnsUpdate& u, Micros timeout, std::stop_token stop) {
  const std::string what = "updating " + u.name + " at " + to_string(server);
  HF_ASSIGN(const LdnsPacket request, make_update(new_id(), u));
  HF_ASSIGN(const Bytes wire, to_wire(*request));
  bool sent = false;
  auto raw = over_tcp(server, wire, Limit::after(clock_, timeout, stop), sent);
  if (!raw) {
    Error e = std::move(raw).error().with_context(what);
    if (sent) return unknown_outcome(std::move(e), u);
    e.effect = Effect::kNone;
    return std::move(e).with_hint("The server was not reached, so nothing was changed. Check its address and that it runs.");
  }
  auto reply = read_reply(*raw, *request);
  if (!reply) return unknown_outcome(std::move(reply).error().with_context(what), u);
  const int rcode = ldns_pkt_get_rcode(reply->get());
  if (rcode != LDNS_RCODE_NOERROR) return refusal(server, u, rcode, tsig_error(**reply));
  if (u.key && !signed_by(**reply, *raw, *request, *u.key, clock_.wall())) {
    return unknown_outcome(make_error(ErrorKind::kDenied, what + ": the answer is not signed with the key " + u.key->name), u);
  }
  return ok();
}

Result<Resolved> resolve_address(DnsClient& dns, const Endpoint& server, const std::string& host, Micros timeout,
                                 std::stop_token stop) {
  std::string name = host;
  Resolved out{{}, ~0U, true};
  for (int hop = 0; hop < kCnameHops; ++hop) {
    HF_ASSIGN(const DnsAnswer answer, dns.query(server, name, DnsType::kA, timeout, stop));
    if (answer.rcode != LDNS_RCODE_NOERROR && answer.rcode != LDNS_RCODE_NXDOMAIN) {
      return make_error(ErrorKind::kUnavailable, "asking " + to_string(server) + " for " + name + " A: " +
                                                     answer.rcode_name).with_object(host);
    }
    if (!answer.records.empty()) out.ttl_seconds = std::min(out.ttl_seconds, answer.ttl_seconds);
    out.authoritative = out.authoritative && answer.authoritative;
    out.addresses = answer.values(DnsType::kA);
    if (!out.addresses.empty()) return out;
    const auto aliases = answer.values(DnsType::kCname);
    if (aliases.empty()) {
      return make_error(ErrorKind::kNotFound, host + " has no address at " + to_string(server) + ": " +
                                                  answer.rcode_name).with_object(host);
    }
    name = answer.records.back().value;
  }
  return make_error(ErrorKind::kFailed, host + " leads through more than " + std::to_string(kCnameHops) + " aliases")
      .with_object(host);
}

}  // namespace hf::remote
