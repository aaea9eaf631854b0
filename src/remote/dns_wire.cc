#include "remote/dns_wire.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "base/check.h"

namespace hf::remote {
namespace {

constexpr std::uint16_t kFudgeSeconds = 300;         // RFC 8945 section 10
constexpr std::size_t kTxtStringBytes = 255;
constexpr std::array kAlgorithms = {"hmac-sha256", "hmac-sha512", "hmac-sha1"};

struct TypeRow {
  DnsType type;
  ldns_rr_type wire;
  std::string_view name;
};
constexpr std::array<TypeRow, 6> kTypes = {{{DnsType::kA, LDNS_RR_TYPE_A, "A"},
                                            {DnsType::kAaaa, LDNS_RR_TYPE_AAAA, "AAAA"},
                                            {DnsType::kCname, LDNS_RR_TYPE_CNAME, "CNAME"},
                                            {DnsType::kTxt, LDNS_RR_TYPE_TXT, "TXT"},
                                            {DnsType::kSoa, LDNS_RR_TYPE_SOA, "SOA"},
                                            {DnsType::kNs, LDNS_RR_TYPE_NS, "NS"}}};

const TypeRow& row_of(DnsType type) { return *std::ranges::find(kTypes, type, &TypeRow::type); }

Result<LdnsRdf> to_name(const std::string& name) {
  ldns_rdf* out = nullptr;
  const bool usable = !name.empty() && name.find('\0') == std::string::npos;
  const ldns_status s = usable ? ldns_str2rdf_dname(&out, name.c_str()) : LDNS_STATUS_EMPTY_LABEL;
  if (s == LDNS_STATUS_OK) return LdnsRdf(out);
  return make_error(ErrorKind::kInvalid, "'" + name + "' is not a DNS name: " + ldns_get_errorstr_by_id(s))
      .with_object(name);
}

std::string dns_name_text(const ldns_rdf* name) {
  std::unique_ptr<char, decltype(&std::free)> text(ldns_rdf2str(name), &std::free);
  std::string out = text ? text.get() : "";
  if (out.size() > 1 && out.ends_with('.')) out.pop_back();
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Length-prefixed strings, one after the other: the bytes of a TXT as one text.
std::string txt_text(const ldns_rr& rr) {
  std::string out;
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    const ldns_rdf* rdf = ldns_rr_rdf(&rr, i);
    if (ldns_rdf_size(rdf) > 1) out.append(reinterpret_cast<const char*>(ldns_rdf_data(rdf)) + 1, ldns_rdf_size(rdf) - 1);
  }
  return out;
}

std::string value_text(const ldns_rr& rr, DnsType type) {
  if (type == DnsType::kTxt) return txt_text(rr);
  const std::size_t field = type == DnsType::kSoa ? 2 : 0;  // the serial
  return ldns_rr_rd_count(&rr) > field ? dns_name_text(ldns_rr_rdf(&rr, field)) : "";
}

Status add_txt(ldns_rr& rr, const std::string& value) {
  for (std::size_t at = 0; at == 0 || at < value.size(); at += kTxtStringBytes) {
    const std::string part = value.substr(at, kTxtStringBytes);
    const std::string wire = static_cast<char>(part.size()) + part;
    ldns_rdf* rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, wire.size(), wire.data());
    HF_CHECK(rdf != nullptr && ldns_rr_push_rdf(&rr, rdf));
  }
  return ok();
}

Status add_value(ldns_rr& rr, DnsType type, const std::string& value) {
  if (type == DnsType::kTxt) return add_txt(rr, value);
  ldns_rdf* rdf = nullptr;
  ldns_status s = LDNS_STATUS_INVALID_STR;
  if (type == DnsType::kA) s = ldns_str2rdf_a(&rdf, value.c_str());
  if (type == DnsType::kAaaa) s = ldns_str2rdf_aaaa(&rdf, value.c_str());
  if (type == DnsType::kCname || type == DnsType::kNs) {
    HF_ASSIGN(LdnsRdf name, to_name(value));
    rdf = name.release();
    s = LDNS_STATUS_OK;
  }
  if (s != LDNS_STATUS_OK) {
    return make_error(ErrorKind::kInvalid, "'" + value + "' is not a value of a record of type " +
                                               std::string(to_string(type))).with_object(value);
  }
  HF_CHECK(ldns_rr_push_rdf(&rr, rdf));
  return ok();
}

Result<LdnsRr> make_rr(const DnsUpdate& u, ldns_rr_class rr_class, std::uint32_t ttl, const std::string* value) {
  HF_ASSIGN(LdnsRdf owner, to_name(u.name));
  LdnsRr rr(ldns_rr_new());
  HF_CHECK(rr != nullptr);
  ldns_rr_set_owner(rr.get(), owner.release());
  ldns_rr_set_type(rr.get(), row_of(u.type).wire);
  ldns_rr_set_class(rr.get(), rr_class);
  ldns_rr_set_ttl(rr.get(), ttl);
  if (value != nullptr) HF_TRY(add_value(*rr, u.type, *value));
  return rr;
}

Status push(LdnsRrList& list, Result<LdnsRr> rr) {
  if (!rr) return std::move(rr).error();
  HF_CHECK(ldns_rr_list_push_rr(list.get(), rr->release()));
  return ok();
}

// RFC 2136 section 2.4: value-dependent "RRset exists", or "RRset does not exist".
Status add_prerequisites(LdnsRrList& list, const DnsUpdate& u) {
  if (!u.expected) return ok();
  if (u.expected->empty()) return push(list, make_rr(u, LDNS_RR_CLASS_NONE, 0, nullptr));
  for (const std::string& value : *u.expected) HF_TRY(push(list, make_rr(u, LDNS_RR_CLASS_IN, 0, &value)));
  return ok();
}

// RFC 2136 section 2.5: delete the RRset, then add each value; the server applies them in order, atomically.
Status add_changes(LdnsRrList& list, const DnsUpdate& u) {
  HF_TRY(push(list, make_rr(u, LDNS_RR_CLASS_ANY, 0, nullptr)));
  for (const std::string& value : u.values) HF_TRY(push(list, make_rr(u, LDNS_RR_CLASS_IN, u.ttl_seconds, &value)));
  return ok();
}

Status sign(ldns_pkt& packet, const TsigKey& key) {
  if (std::ranges::find(kAlgorithms, key.algorithm) == kAlgorithms.end()) {
    return make_error(ErrorKind::kUnsupported, "TSIG algorithm '" + key.algorithm + "' is not supported")
        .with_hint("Use hmac-sha256 or hmac-sha512 for the key " + key.name + ".");
  }
  std::string secret = key.secret.reveal_text();
  while (!secret.empty() && std::isspace(static_cast<unsigned char>(secret.back())) != 0) secret.pop_back();
  const std::string algorithm = key.algorithm + ".";
  const ldns_status s = ldns_pkt_tsig_sign(&packet, key.name.c_str(), secret.c_str(), kFudgeSeconds, algorithm.c_str(),
                                           nullptr);
  std::ranges::fill(secret, '\0');
  if (s == LDNS_STATUS_OK) return ok();
  return make_error(ErrorKind::kInvalid, "signing with the TSIG key " + key.name + ": " + ldns_get_errorstr_by_id(s))
      .with_hint("The secret should be the base64 text of the key, as in BIND's key file.");
}

std::uint64_t number_of(const ldns_rdf* rdf) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < ldns_rdf_size(rdf); ++i) out = out << 8 | ldns_rdf_data(rdf)[i];
  return out;
}

constexpr std::size_t kTsigTime = 1, kTsigFudge = 2, kTsigMac = 3, kTsigError = 5, kTsigFields = 7;

const ldns_rr* tsig_of(const ldns_pkt& packet) {
  const ldns_rr* tsig = ldns_pkt_tsig(&packet);
  return tsig != nullptr && ldns_rr_rd_count(tsig) == kTsigFields ? tsig : nullptr;
}

bool same_question(const ldns_pkt& a, const ldns_pkt& b) {
  const ldns_rr_list* q = ldns_pkt_question(&a);
  const ldns_rr_list* r = ldns_pkt_question(&b);
  if (ldns_rr_list_rr_count(r) != 1) return false;
  const ldns_rr* asked = ldns_rr_list_rr(q, 0);
  const ldns_rr* told = ldns_rr_list_rr(r, 0);
  return ldns_rr_get_type(asked) == ldns_rr_get_type(told) &&
         ldns_dname_compare(ldns_rr_owner(asked), ldns_rr_owner(told)) == 0;
}

}  // namespace

std::string_view to_string(DnsType type) { return row_of(type).name; }

Result<DnsType> parse_dns_type(std::string_view text) {
  const auto* row = std::ranges::find(kTypes, text, &TypeRow::name);
  if (row != kTypes.end()) return row->type;
  return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a record type that is known here");
}

Result<LdnsPacket> make_query(std::uint16_t id, const std::string& name, DnsType type) {
  HF_ASSIGN(LdnsRdf owner, to_name(name));
  LdnsPacket packet(ldns_pkt_query_new(owner.release(), row_of(type).wire, LDNS_RR_CLASS_IN, 0));
  HF_CHECK(packet != nullptr);
  ldns_pkt_set_id(packet.get(), id);
  return packet;
}

Result<LdnsPacket> make_update(std::uint16_t id, const DnsUpdate& u) {
  if (u.type == DnsType::kSoa) return make_error(ErrorKind::kInvalid, "an SOA record cannot be replaced by an update");
  HF_ASSIGN(LdnsRdf zone, to_name(u.zone));
  HF_ASSIGN(LdnsRdf owner, to_name(u.name));
  if (ldns_dname_compare(zone.get(), owner.get()) != 0 && !ldns_dname_is_subdomain(owner.get(), zone.get())) {
    return make_error(ErrorKind::kInvalid, u.name + " is not in the zone " + u.zone).with_object(u.name);
  }
  LdnsRrList prerequisites(ldns_rr_list_new());
  LdnsRrList changes(ldns_rr_list_new());
  HF_TRY(add_prerequisites(prerequisites, u));
  HF_TRY(add_changes(changes, u));
  // The lists are copied, the zone is taken over.
  LdnsPacket packet(ldns_update_pkt_new(zone.release(), LDNS_RR_CLASS_IN, prerequisites.get(), changes.get(), nullptr));
  HF_CHECK(packet != nullptr);
  ldns_pkt_set_id(packet.get(), id);
  if (u.key) HF_TRY(sign(*packet, *u.key));
  return packet;
}

Result<Bytes> to_wire(const ldns_pkt& packet) {
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  const ldns_status s = ldns_pkt2wire(&wire, &packet, &size);
  const std::unique_ptr<std::uint8_t, decltype(&std::free)> owner(wire, &std::free);
  if (s != LDNS_STATUS_OK) {
    return make_error(ErrorKind::kFailed, std::string("writing a DNS message: ") + ldns_get_errorstr_by_id(s));
  }
  return Bytes(wire, wire + size);
}

Result<LdnsPacket> read_reply(ByteView wire, const ldns_pkt& request) {
  ldns_pkt* raw = nullptr;
  const ldns_status s = ldns_wire2pkt(&raw, wire.data(), wire.size());
  LdnsPacket reply(s == LDNS_STATUS_OK ? raw : nullptr);
  if (reply == nullptr) {
    return make_error(ErrorKind::kCorrupt, std::string("reading a DNS message: ") + ldns_get_errorstr_by_id(s));
  }
  const bool update = ldns_pkt_get_opcode(&request) == LDNS_PACKET_UPDATE;
  if (!ldns_pkt_qr(reply.get()) || ldns_pkt_id(reply.get()) != ldns_pkt_id(&request) ||
      ldns_pkt_get_opcode(reply.get()) != ldns_pkt_get_opcode(&request) ||
      (!update && ldns_pkt_get_rcode(reply.get()) == LDNS_RCODE_NOERROR && !same_question(request, *reply))) {
    return make_error(ErrorKind::kCorrupt, "reading a DNS message: it does not answer what was asked");
  }
  return reply;
}

DnsAnswer to_answer(const ldns_pkt& reply) {
  DnsAnswer out;
  out.rcode = ldns_pkt_get_rcode(&reply);
  out.rcode_name = rcode_name(out.rcode);
  out.authoritative = ldns_pkt_aa(&reply);
  const ldns_rr_list* list = ldns_pkt_answer(&reply);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(list, i);
    const auto* row = std::ranges::find(kTypes, ldns_rr_get_type(rr), &TypeRow::wire);
    if (row == kTypes.end() || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) continue;
    out.records.push_back({dns_name_text(ldns_rr_owner(rr)), row->type, ldns_rr_ttl(rr), value_text(*rr, row->type)});
    out.ttl_seconds = out.records.size() == 1 ? ldns_rr_ttl(rr) : std::min(out.ttl_seconds, ldns_rr_ttl(rr));
  }
  return out;
}

std::string rcode_name(int rcode) {
  const ldns_lookup_table* row = ldns_lookup_by_id(ldns_rcodes, rcode);
  return row != nullptr ? row->name : "RCODE" + std::to_string(rcode);
}

bool signed_by(ldns_pkt& reply, ByteView wire, const ldns_pkt& request, const TsigKey& key, WallTime now) {
  const ldns_rr* tsig = tsig_of(reply);
  const ldns_rr* ours = tsig_of(request);
  if (tsig == nullptr || ours == nullptr) return false;
  const LdnsRdf name(ldns_dname_new_frm_str(key.name.c_str()));
  if (name == nullptr || ldns_dname_compare(ldns_rr_owner(tsig), name.get()) != 0) return false;
  if (dns_name_text(ldns_rr_rdf(tsig, 0)) != key.algorithm) return false;
  const auto made = static_cast<std::int64_t>(number_of(ldns_rr_rdf(tsig, kTsigTime)));
  const auto fudge = static_cast<std::int64_t>(number_of(ldns_rr_rdf(tsig, kTsigFudge)));
  const std::int64_t here = std::chrono::duration_cast<Seconds>(now.time_since_epoch()).count();
  if (std::abs(made - here) > fudge) return false;
  std::string secret = key.secret.reveal_text();
  while (!secret.empty() && std::isspace(static_cast<unsigned char>(secret.back())) != 0) secret.pop_back();
  const bool good = ldns_pkt_tsig_verify(&reply, wire.data(), wire.size(), key.name.c_str(), secret.c_str(),
                                         ldns_rr_rdf(ours, kTsigMac));
  std::ranges::fill(secret, '\0');
  return good;
}

int tsig_error(const ldns_pkt& reply) {
  const ldns_rr* tsig = tsig_of(reply);
  return tsig == nullptr ? 0 : static_cast<int>(number_of(ldns_rr_rdf(tsig, kTsigError)));
}

}  // namespace hf::remote
