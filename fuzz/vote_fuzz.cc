// What other machines and servers say of themselves, as text. The first byte chooses: 0 a vote of another region; 1 the
// synchronous standbys of a server.
#include "actions/fence_verdict.h"
#include "base/check.h"
#include "health/vote.h"

namespace hf {
namespace {

void vote(std::string_view text) {
  const auto parsed = health::parse_vote(text);
  if (!parsed) return;
  const std::string written = dump_json(health::to_json(*parsed));
  const auto again = health::parse_vote(written);
  HF_CHECK(again.has_value() && again->sequence == parsed->sequence && again->every == parsed->every);
  HF_CHECK(again->targets.size() == parsed->targets.size());
}

}  // namespace
}  // namespace hf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0) hf::vote(rest);
  if (data[0] == 1) (void)hf::actions::parse_sync_standbys(rest);
  return 0;
}
