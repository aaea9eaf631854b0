// DNS messages as bytes, by libldns. It makes and reads wire format and computes TSIG; its resolver is never used,
// because ldns_resolver_send_pkt crashes on signed replies.
#pragma once

#include <memory>

#include "remote/dns.h"

#include <ldns/ldns.h>
#undef true   // it defines these as numbers
#undef false

namespace hf::remote {

struct LdnsFree {
  void operator()(ldns_pkt* p) const { ldns_pkt_free(p); }
  void operator()(ldns_rdf* r) const { ldns_rdf_deep_free(r); }
  void operator()(ldns_rr* r) const { ldns_rr_free(r); }
  void operator()(ldns_rr_list* l) const { ldns_rr_list_deep_free(l); }
};
using LdnsPacket = std::unique_ptr<ldns_pkt, LdnsFree>;
using LdnsRdf = std::unique_ptr<ldns_rdf, LdnsFree>;
using LdnsRr = std::unique_ptr<ldns_rr, LdnsFree>;
using LdnsRrList = std::unique_ptr<ldns_rr_list, LdnsFree>;

Result<LdnsPacket> make_query(std::uint16_t id, const std::string& name, DnsType type);
// Signed where the update has a key.
Result<LdnsPacket> make_update(std::uint16_t id, const DnsUpdate& update);
Result<Bytes> to_wire(const ldns_pkt& packet);

// The reply to `request`; kCorrupt where it is none (id, question, format).
Result<LdnsPacket> read_reply(ByteView wire, const ldns_pkt& request);
DnsAnswer to_answer(const ldns_pkt& reply);
std::string rcode_name(int rcode);

// Whether `reply` carries a good signature by `key` over itself and the request's signature, made within its fudge of
// `now` (RFC 8945 section 5.3).
bool signed_by(ldns_pkt& reply, ByteView wire, const ldns_pkt& request, const TsigKey& key, WallTime now);
// The error code in the reply's TSIG record (16 BADSIG, 17 BADKEY, 18 BADTIME), 0 where there is none.
int tsig_error(const ldns_pkt& reply);

}  // namespace hf::remote
