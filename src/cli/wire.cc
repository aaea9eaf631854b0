#include "cli/wire.h"

#include "actions/table.h"
#include "actions/wal_spools.h"
#include "cli/commands.h"
#include "cli/failover.h"
#include "cli/plan_file.h"

namespace hf::cli {

std::vector<Command> all_commands() {
  std::vector<Command> out;
  for (auto group :
       {demo_commands, plan_commands, vault_commands, copy_commands, vault_key_commands, prune_commands, tier_commands,
        scrub_commands, stats_commands,
        backup_commands, show_commands, diff_commands, pin_commands, restore_commands, mount_commands, verify_commands,
        wal_commands, health_commands, failover_commands, run_commands, journal_commands, evidence_commands, document_commands}) {
    for (Command& c : group()) out.push_back(std::move(c));
  }
  return out;
}

Result<std::unique_ptr<Network>> Network::make(Context& context, const plan::Plan& plan) {
  std::unique_ptr<Network> out(new Network(context));
  if (plan.resolver) {
    HF_ASSIGN(Endpoint server, parse_endpoint(plan.resolver->server, remote::kDnsPort));
    out->resolver_ = server;
  }
  return out;
}

health::ProbeTools Network::probe_tools() {
  return {context_.env.clock, http_, dns_, resolver_, [this](const plan::SecretRef& reference) -> Result<std::string> {
            HF_ASSIGN(Secret secret, resolve_secret(context_, reference));
            return secret.reveal_text();
          }};
}

namespace {

// The inverse of plan::to_string(SecretRef): what a run's step carries.
plan::SecretRef secret_reference(const std::string& text) {
  using Kind = plan::SecretRef::Kind;
  for (auto [prefix, kind] : {std::pair{"env:", Kind::kEnv}, {"file:", Kind::kFile}, {"command:", Kind::kCommand}})
    if (text.starts_with(prefix)) return {kind, text.substr(std::string_view(prefix).size()), {}};
  return {Kind::kLiteral, text, {}};
}

}  // namespace

struct World::Parts {
  Parts(Context& context, std::unique_ptr<Network> given)
      : network(std::move(given)),
        resources{
            context.env, network->http(), network->dns(),
            [&context](const std::string& reference) { return resolve_secret(context, secret_reference(reference)); },
            context.state_dir},
        spools(context.env),
        all(resources, spools) {}
  std::unique_ptr<Network> network;
  actions::Resources resources;
  actions::WalSpools spools;
  actions::Actions all;
};

World::World(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
World::~World() = default;
const runbook::ActionTable& World::actions() const { return parts_->all.table(); }

Result<std::unique_ptr<World>> World::make(Context& context, const plan::Plan& plan) {
  HF_TRY(context.env.files.make_dirs(context.state_dir));
  HF_ASSIGN(std::unique_ptr<Network> network, Network::make(context, plan));
  return std::unique_ptr<World>(new World(std::make_unique<Parts>(context, std::move(network))));
}

}  // namespace hf::cli
