// Replies of a name server to a query and to a signed update. The first byte chooses: 0 a reply as it comes; 1 what follows
// the id and the flags, which are made to fit; 2 and 3 the same for a signed update.
#include "base/check.h"
#include "base/text.h"
#include "remote/dns_wire.h"

namespace hf::remote {
namespace {

constexpr std::uint16_t kId = 0x1234;
constexpr std::size_t kMostWire = 65'535;   // of a message over TCP

TsigKey fuzz_tsig_key() {
  TsigKey key;
  key.name = "key.example";
  key.algorithm = "hmac-sha256";
  key.secret = Secret(std::string_view("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
  return key;
}

LdnsPacket make_fuzz_request(bool update) {
  if (!update) return make_query(kId, "www.example.com", DnsType::kTxt).value();
  DnsUpdate u;
  u.zone = "example.com";
  u.name = "www.example.com";
  u.type = DnsType::kA;
  u.ttl_seconds = 30;
  u.values = {"192.0.2.1"};
  u.key = fuzz_tsig_key();
  return make_update(kId, u).value();
}

void read(ByteView wire, bool update) {
  static const LdnsPacket query = make_fuzz_request(false), signed_update = make_fuzz_request(true);
  const ldns_pkt& request = update ? *signed_update : *query;
  auto reply = read_reply(wire, request);
  if (!reply.has_value()) return;
  for (const DnsRecord& record : to_answer(**reply).records) HF_CHECK(record.value.size() <= kMostWire * 4);
  (void)tsig_error(**reply);
  if (update) (void)signed_by(**reply, wire, request, fuzz_tsig_key(), WallTime{});
}

void made_to_fit(ByteView rest, bool update) {
  ByteWriter wire;
  wire.u8(kId >> 8).u8(kId & 0xff).u8(update ? 0xa8 : 0x84).raw(rest);
  read(wire.take(), update);
}

}  // namespace
}  // namespace hf::remote

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > hf::remote::kMostWire) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0 || data[0] == 2) hf::remote::read(rest, data[0] == 2);
  if (data[0] == 1 || data[0] == 3) hf::remote::made_to_fit(rest, data[0] == 3);
  return 0;
}
