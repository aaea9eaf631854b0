// Looks into JSON for the command line scripts.
//   json_tool get PATH FILE       the value at a path such as data.snapshots.0.snapshot; strings without quotes
//   json_tool count PATH FILE     how many items or members it has
//   json_tool valid SCHEMAS FILE  holds a result object against SCHEMAS/result.json, and its data against the schema
//                                 of its command, which is SCHEMAS/<the words with dashes>.json
//   json_tool stream SCHEMAS FILE holds a whole -o jsonl output: the version first, events of progress as SCHEMAS/progress.json
//                                 says and at most one a second in a phase but for its last, and the result at the end
//   json_tool closed SCHEMA       is this file a schema that `valid` understands whole?
// The validator knows the part of draft-07 that docs/schemas uses; a keyword that it does not know is an error, so that
// no schema claims more than is checked. Exits 0, or 1 with the reason on stderr.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/json.h"
#include "base/time.h"

namespace {

using namespace hf;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "json_tool: %s\n", why.c_str());
  std::exit(1);
}

Json load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die("cannot open " + path);
  std::stringstream text;
  text << file.rdbuf();
  auto json = parse_json(text.str());
  if (!json) die(path + ": " + json.error().text);
  return *json;
}

// Whole numbers are integers however they are written, as draft-07 says.
bool is_whole(const Json& v) {
  return v.is_int() || (v.is_number() && v.as_double() == static_cast<double>(static_cast<std::int64_t>(v.as_double())));
}

bool is_of_type(const Json& v, const std::string& type) {
  if (type == "null") return v.is_null();
  if (type == "boolean") return v.is_bool();
  if (type == "integer") return is_whole(v);
  if (type == "number") return v.is_number();
  if (type == "string") return v.is_string();
  if (type == "array") return v.is_array();
  if (type == "object") return v.is_object();
  die("a schema names the type '" + type + "'");
}

bool is_of_types(const Json& v, const Json& types) {
  if (types.is_string()) return is_of_type(v, types.as_string());
  return std::ranges::any_of(types.items(), [&](const Json& t) { return is_of_type(v, t.as_string()); });
}

void check_known(const Json& schema, const std::string& where) {
  static const std::vector<std::string> known = {"$schema", "title", "description", "type", "required", "properties",
                                                 "additionalProperties", "items", "enum", "pattern", "minimum", "minItems"};
  if (!schema.is_object()) die(where + ": not a schema");
  for (const Json::Member& m : schema.members())
    if (std::ranges::find(known, m.first) == known.end()) die(where + ": keyword '" + m.first + "' is not known here");
  for (const Json::Member& m : schema["properties"].members()) check_known(m.second, where + "." + m.first);
  if (const Json* items = schema.find("items")) check_known(*items, where + "[]");
}

void check(const Json& v, const Json& schema, const std::string& where);

void check_object(const Json& v, const Json& schema, const std::string& where) {
  for (const Json& name : schema["required"].items())
    if (v.find(name.as_string()) == nullptr) die(where + " lacks " + name.as_string());
  const Json* more = schema.find("additionalProperties");
  for (const Json::Member& m : v.members()) {
    const Json* of = schema["properties"].find(m.first);
    if (of != nullptr) check(m.second, *of, where + "." + m.first);
    else if (more != nullptr && !more->as_bool()) die(where + " has " + m.first + ", which its schema does not");
  }
}

void check(const Json& v, const Json& schema, const std::string& where) {
  if (const Json* types = schema.find("type"); types && !is_of_types(v, *types)) die(where + " has another type: " + dump_json(v));
  if (const Json* values = schema.find("enum"); values && std::ranges::find(values->items(), v) == values->items().end())
    die(where + " is none of the values allowed: " + dump_json(v));
  if (const Json* pattern = schema.find("pattern"); pattern && v.is_string() && !std::regex_search(v.as_string(), std::regex(pattern->as_string())))
    die(where + " does not match " + pattern->as_string() + ": " + dump_json(v));
  if (const Json* least = schema.find("minimum"); least && v.is_number() && v.as_double() < least->as_double()) die(where + " is too small: " + dump_json(v));
  if (v.is_object()) check_object(v, schema, where);
  if (!v.is_array()) return;
  if (const Json* least = schema.find("minItems"); least && static_cast<std::int64_t>(v.items().size()) < least->as_int()) die(where + " has too few items");
  if (const Json* items = schema.find("items"))
    for (std::size_t i = 0; i < v.items().size(); ++i) check(v.items()[i], *items, where + "[" + std::to_string(i) + "]");
}

// A command that failed may have no data; what it has must be right.
void validate(const std::string& schemas, const Json& result) {
  const Json envelope = load(schemas + "/result.json");
  check_known(envelope, "result.json");
  check(result, envelope, "result");
  std::string name = result["command"].as_string();
  std::ranges::replace(name, ' ', '-');
  if (name.empty() || (!result["ok"].as_bool() && result["data"].members().empty())) return;
  const Json schema = load(schemas + "/" + name + ".json");
  check_known(schema, name + ".json");
  check(result["data"], schema, "data");
}

std::vector<Json> load_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<Json> out;
  for (std::string line; std::getline(file, line);) {
    auto json = parse_json(line);
    if (!json) die(path + ": a line is no JSON: " + line);
    out.push_back(std::move(*json));
  }
  if (out.size() < 2) die(path + " is no stream");
  return out;
}

// The events of one phase that are not its first or last come no faster than one a second (and a little for the scheduler).
void check_pace(const std::vector<Json>& events) {
  std::optional<WallTime> last;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const WallTime at = parse_time(events[i]["time"].as_string()).value();
    const bool begins = i == 0 || events[i]["phase"] != events[i - 1]["phase"];
    if (!begins && last && at - *last < std::chrono::milliseconds(900)) die("events come too fast: " + dump_json(events[i]));
    if (!begins) last = at;
  }
}

void validate_stream(const std::string& schemas, const std::string& path) {
  const std::vector<Json> lines = load_lines(path);
  if (dump_json(lines.front()) != R"({"type":"version","schema":"1"})") die("the first line is " + dump_json(lines.front()));
  const Json schema = load(schemas + "/progress.json");
  check_known(schema, "progress.json");
  std::vector<Json> events;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::string type = lines[i]["type"].as_string();
    if (type.empty() || type == "result" || type == "version") die("not an event: " + dump_json(lines[i]));
    if (type != "progress") continue;
    check(lines[i], schema, "event");
    events.push_back(lines[i]);
  }
  check_pace(events);
  validate(schemas, lines.back());
}

const Json& at_path(const Json& root, const std::string& path) {
  const Json* at = &root;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '.');) {
    const bool index = at->is_array() && !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    const std::size_t i = index ? std::stoul(part) : 0;
    const Json* next = !index ? at->find(part) : i < at->items().size() ? &at->items()[i] : nullptr;
    if (next == nullptr) die("there is no " + path + " in " + dump_json(root));
    at = next;
  }
  return *at;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "get") {
    const Json root = load(words[2]);
    const Json& found = at_path(root, words[1]);
    std::puts(found.is_string() ? found.as_string().c_str() : dump_json(found).c_str());
  } else if (words.size() == 3 && words[0] == "count") {
    const Json root = load(words[2]);
    const Json& found = at_path(root, words[1]);
    std::printf("%zu\n", found.is_array() ? found.items().size() : found.members().size());
  } else if (words.size() == 3 && words[0] == "valid") {
    validate(words[1], load(words[2]));
  } else if (words.size() == 3 && words[0] == "stream") {
    validate_stream(words[1], words[2]);
  } else if (words.size() == 2 && words[0] == "closed") {
    check_known(load(words[1]), words[1]);
  } else {
    die("get PATH FILE, count PATH FILE, valid SCHEMAS FILE, stream SCHEMAS FILE, or closed SCHEMA");
  }
}
