// The lab's plan: demo/plan.yaml.in with the addresses, ports and folders of this lab filled in.
#include "lab/embedded.h"
#include "lab/environment.h"

namespace hf::lab {

namespace {

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

std::string demo_plan(const PlanFacts& facts) {
  std::string out(kDemoPlan);
  replace_all(out, "@ROOT@", facts.root);
  replace_all(out, "@RESOLVER@", facts.resolver);
  replace_all(out, "@MAIN@", facts.vault_main);
  replace_all(out, "@EU@", facts.vault_eu);
  replace_all(out, "@KEY@", facts.key_file);
  replace_all(out, "@TSIG@", facts.tsig_secret_file);
  replace_all(out, "@PG@", std::to_string(facts.postgres_port));
  replace_all(out, "@PORT@", std::to_string(facts.service_port));
  return out;
}

}  // namespace hf::lab
