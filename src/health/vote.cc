#include "health/vote.h"

#include <cmath>

namespace hf::health {
namespace {

constexpr Millis kLongestInterval = std::chrono::hours(24);

Error bad_vote(std::string_view why) { return make_error(ErrorKind::kCorrupt, "reading a vote: " + std::string(why)); }

Result<Uplink> parse_uplink(std::string_view text) {
  for (const Uplink u : {Uplink::kOk, Uplink::kDown, Uplink::kUnchecked}) {
    if (text == to_string(u)) return u;
  }
  return bad_vote("own_uplink is none of ok, down, unchecked");
}

Result<TargetVote> parse_target(const Json& json) {
  TargetVote out;
  const auto state = parse_state(json["state"].as_string());
  if (!state) return bad_vote("the state of a target is none of up, down, unknown");
  out.state = *state;
  HF_ASSIGN(out.uplink, parse_uplink(json["own_uplink"].as_string()));
  out.since_seconds = json["since_seconds"].as_double();
  out.detail = json["detail"].as_string();
  if (const Json* first = json.find("first_failure_at")) {
    HF_ASSIGN(out.first_failure_at, parse_time(first->as_string()));
  }
  return out;
}

}  // namespace

Json to_json(const Vote& vote) {
  Json targets = Json::object();
  for (const auto& [name, t] : vote.targets) {
    Json one = Json::object();
    one.set("state", to_string(t.state)).set("own_uplink", to_string(t.uplink));
    one.set("since_seconds", std::round(t.since_seconds * 1000) / 1000).set("detail", t.detail);
    if (t.first_failure_at) one.set("first_failure_at", format_time(*t.first_failure_at));
    targets.set(name, one);
  }
  Json out = Json::object();
  out.set("vote", kVoteVersion).set("region", vote.region).set("session", vote.session).set("sequence", vote.sequence);
  out.set("every_milliseconds", static_cast<std::int64_t>(vote.every.count() / 1000)).set("targets", targets);
  return out;
}

Result<Vote> parse_vote(std::string_view text) {
  auto json = parse_json(text);
  if (!json) return bad_vote(json.error().text);
  const Json& j = *json;
  if (!j["vote"].is_int()) return bad_vote("it has no version");
  if (j["vote"].as_int() != kVoteVersion) {
    return make_error(ErrorKind::kUnsupported, "reading a vote: version " + std::to_string(j["vote"].as_int()) +
                                                   " is not known here");
  }
  Vote out;
  out.region = j["region"].as_string();
  out.session = j["session"].as_string();
  const Millis every(j["every_milliseconds"].as_int());
  if (out.region.empty() || out.session.empty() || !j["sequence"].is_int() || j["sequence"].as_int() < 0 ||
      !j["targets"].is_object() || every <= Millis(0) || every > kLongestInterval) {
    return bad_vote("region, session, sequence, every_milliseconds or targets is missing or wrong");
  }
  out.every = every;
  out.sequence = static_cast<std::uint64_t>(j["sequence"].as_int());
  for (const auto& [name, target] : j["targets"].members()) {
    HF_ASSIGN(out.targets[name], parse_target(target));
  }
  return out;
}

std::string votes_folder(const std::string& dir) { return join_path(dir, "votes"); }

std::string vote_path(const std::string& dir, const std::string& region) {
  return join_path(votes_folder(dir), region + ".json");
}

Status write_vote(Files& files, const std::string& dir, const Vote& vote) {
  const std::string text = dump_json(to_json(vote)) + "\n";
  const std::string temporary = join_path(votes_folder(dir), "." + vote.region + ".hf-tmp");
  {
    HF_ASSIGN(const std::unique_ptr<File> file, files.open(temporary, OpenMode::kCreate, 0644));
    HF_TRY(file->truncate(0));
    HF_TRY(file->write_at(0, as_bytes(text)));
  }
  return files.move(temporary, vote_path(dir, vote.region), IfExists::kReplace);
}

SeenVote VoteReader::read(const std::string& region) {
  SeenVote out{region, std::nullopt, false, Micros(0), ""};
  auto bytes = read_file(files_, vote_path(dir_, region), kVoteLimitBytes);
  auto vote = bytes ? parse_vote(as_text(*bytes)) : Result<Vote>(std::move(bytes).error());
  if (!vote) {
    out.problem = vote.error().kind == ErrorKind::kNotFound ? "no vote yet" : vote.error().text;
    return out;
  }
  if (vote->region != region) {
    out.problem = "the file holds the vote of " + vote->region;
    return out;
  }
  const MonoTime now = clock_.mono();
  auto [at, first] = sights_.try_emplace(region, Sight{vote->session, vote->sequence, now, false});
  Sight& sight = at->second;
  if (!first && (sight.session != vote->session || sight.sequence != vote->sequence)) {
    sight = {vote->session, vote->sequence, now, true};
  }
  out.age = std::chrono::duration_cast<Micros>(now - sight.changed);
  out.fresh = sight.moved && out.age <= vote->every * kStaleIntervals;
  if (!sight.moved) out.problem = "not yet seen to be renewed";
  else if (!out.fresh) out.problem = "not renewed for " + format_duration(std::chrono::floor<Millis>(out.age));
  out.vote = std::move(*vote);
  return out;
}

}  // namespace hf::health
