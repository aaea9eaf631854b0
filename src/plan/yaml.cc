// libfyaml as an event stream; the tree is built on an explicit stack, with limits on depth and number of values.
#include "base/text.h"
#include "plan/yaml.h"

#include <libfyaml.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

namespace hf::plan {
namespace {

constexpr std::size_t kMaxDepth = 32;        // the deepest plan needs 9
constexpr std::size_t kMaxNodes = 200'000;   // bounds memory: a value takes about 200 bytes
constexpr std::size_t kMaxMembers = 10'000;  // of one map: looking for duplicate keys is quadratic
constexpr std::size_t kMaxMessage = 4096;    // of the library about one source
constexpr std::size_t kMaxFindings = 200;    // of one source; nobody reads more

struct ParserDelete {
  void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};
struct DiagDelete {
  void operator()(fy_diag* d) const { fy_diag_unref(d); }
};

// The library's messages go to `text`: its own collecting of errors leaks, and without a sink it writes to stderr.
std::unique_ptr<fy_diag, DiagDelete> make_diag(std::string& text) {
  fy_diag_cfg config{};
  fy_diag_cfg_default(&config);
  config.fp = nullptr;
  config.output_fn = [](fy_diag*, void* user, const char* part, std::size_t size) {
    auto* out = static_cast<std::string*>(user);
    if (out->size() < kMaxMessage) out->append(part, std::min(size, kMaxMessage));
  };
  config.user = &text;
  config.colorize = false;
  return std::unique_ptr<fy_diag, DiagDelete>(fy_diag_create(&config));
}

// "<memory...>:LINE:COLUMN: error: MESSAGE" and, below it, an excerpt; nullopt if it is not of that form.
struct Complaint {
  int line = 1;
  int column = 1;
  std::string message;
};
std::optional<Complaint> parse_complaint(const std::string& text) {
  constexpr std::string_view kMark = ": error: ";
  std::size_t mark = text.find(kMark);
  if (mark == std::string::npos || mark == 0) return std::nullopt;
  std::size_t second = text.rfind(':', mark - 1);
  std::size_t first = second == std::string::npos || second == 0 ? std::string::npos : text.rfind(':', second - 1);
  if (first == std::string::npos) return std::nullopt;
  Complaint out;
  std::from_chars(text.data() + first + 1, text.data() + second, out.line);
  std::from_chars(text.data() + second + 1, text.data() + mark, out.column);
  std::size_t begin = mark + kMark.size();
  out.message = text.substr(begin, text.find('\n', begin) - begin);
  return out;
}

std::string text_of(fy_token* token) {
  std::size_t size = 0;
  const char* text = token != nullptr ? fy_token_get_text(token, &size) : nullptr;
  return text != nullptr ? std::string(text, size) : std::string();
}

class Builder {
 public:
  Builder(const Source& source, std::vector<Finding>& findings) : source_(source), findings_(findings) {}

  Node build();

 private:
  // A collection under construction; `key_pending` means that the next value belongs to the last member.
  struct Frame {
    Node node;
    bool key_pending = false;
    bool drop_value = false;  // a duplicate or unusable key: its value is read and forgotten
  };

  Place place_of(fy_event* event) const;
  void report(std::string_view rule, Place place, std::string message, std::string hint);
  bool is_text();
  void report_syntax(const std::string& complaints);
  void refuse_extras(fy_event* event);
  bool take(fy_event* event);
  bool add(Node node);
  bool add_key(const Node& node);
  bool open(Node::Kind kind, fy_event* event);
  bool close();
  void start_document(fy_event* event);

  const Source& source_;
  std::vector<Finding>& findings_;
  std::vector<Frame> stack_;
  Node root_;
  bool has_root_ = false;
  int documents_ = 0;
  std::size_t nodes_ = 0;
};

Place Builder::place_of(fy_event* event) const {
  Place place;
  place.file = source_.name;
  const fy_mark* start = fy_event_start_mark(event);
  const fy_mark* end = fy_event_end_mark(event);
  place.line = start != nullptr ? start->line + 1 : 1;
  place.column = start != nullptr ? start->column + 1 : 1;
  place.end_line = end != nullptr ? end->line + 1 : place.line;
  place.end_column = end != nullptr ? end->column + 1 : place.column + 1;
  return place;
}

void Builder::report(std::string_view rule, Place place, std::string message, std::string hint) {
  if (findings_.size() >= kMaxFindings) return;
  findings_.push_back(make_finding(rule, std::move(place), std::move(message), std::move(hint)));
}

void Builder::report_syntax(const std::string& complaints) {
  Complaint why = parse_complaint(complaints).value_or(Complaint{1, 1, "the text is not YAML"});
  auto lines = static_cast<int>(std::ranges::count(source_.text, '\n')) + (source_.text.ends_with('\n') ? 0 : 1);
  if (why.line > lines) why = {lines, 1, why.message};  // found at the end of the text
  int line = std::max(1, why.line), column = std::max(1, why.column);
  while (!why.message.empty() && why.message.back() == ' ') why.message.pop_back();
  findings_.push_back(make_finding("yaml-syntax", {source_.name, line, column, line, column + 1, ""}, why.message,
                                   "Mend this first; an unclosed bracket or quote is often earlier than the caret."));
}

// Anchors and tags on a value.
void Builder::refuse_extras(fy_event* event) {
  if (fy_token* anchor = fy_event_get_anchor_token(event); anchor != nullptr) {
    report("anchor-or-alias", place_of(event), "the anchor '&" + text_of(anchor) + "' is not allowed in a plan",
           "Write the value out where it is needed.");
  }
  if (fy_event_get_tag_token(event) != nullptr) {
    report("yaml-extra", place_of(event), "a tag is not allowed in a plan",
           "Take the tag away; the field decides the type.");
  }
}

void Builder::start_document(fy_event* event) {
  if (++documents_ == 2) {
    report("yaml-extra", place_of(event), "a second document begins here; a plan is one document",
           "Take the '---' away, or move the rest into holdfast.d/.");
  }
}

bool Builder::add_key(const Node& node) {
  Frame& frame = stack_.back();
  frame.key_pending = true;
  frame.drop_value = false;
  if (frame.node.members.size() >= kMaxMembers) {
    report("input-limit", node.place, "a map of more than " + std::to_string(kMaxMembers) + " keys",
           "Split the plan.");
    return false;
  }
  if (frame.node.find(node.text) != nullptr) {
    frame.drop_value = true;
    const Place& first = frame.node.find(node.text)->key_place;
    report("duplicate-key", node.place, "the key '" + node.text + "' stands here a second time",
           "It stands on line " + std::to_string(first.line) + " already. Keep one of the two.");
    return true;
  }
  if (frame.node.members.empty()) frame.node.place = node.place;
  frame.node.members.push_back({node.text, node.place, {}});
  return true;
}

bool Builder::add(Node node) {
  if (stack_.empty()) {
    if (!has_root_) root_ = std::move(node);
    has_root_ = true;
    return true;
  }
  Frame& frame = stack_.back();
  if (frame.node.kind == Node::Kind::kList) {
    if (frame.node.items.empty()) frame.node.place = node.place;
    frame.node.items.push_back(std::move(node));
    return true;
  }
  if (!frame.key_pending) {
    if (node.kind == Node::Kind::kScalar) return add_key(node);
    report("wrong-type", node.place, "a key is a map or a list, not a word", "Write 'key: value'.");
    frame.key_pending = frame.drop_value = true;
    return true;
  }
  frame.key_pending = false;
  if (node.is_empty() && !frame.node.members.empty()) node.place = frame.node.members.back().key_place;
  if (!frame.drop_value) frame.node.members.back().value = std::move(node);
  return true;
}

bool Builder::open(Node::Kind kind, fy_event* event) {
  if (stack_.size() >= kMaxDepth) {
    report("input-limit", place_of(event), "values are nested deeper than " + std::to_string(kMaxDepth) + " levels",
           "No field of a plan is that deep.");
    return false;
  }
  Frame frame;
  frame.node.kind = kind;
  frame.node.plain = false;
  frame.node.place = place_of(event);
  stack_.push_back(std::move(frame));
  return true;
}

bool Builder::close() {
  if (stack_.empty()) return false;
  Node done = std::move(stack_.back().node);
  stack_.pop_back();
  return add(std::move(done));
}

bool Builder::take(fy_event* event) {
  bool is_value = event->type == FYET_SCALAR || event->type == FYET_MAPPING_START ||
                  event->type == FYET_SEQUENCE_START || event->type == FYET_ALIAS;
  if (is_value && ++nodes_ > kMaxNodes) {
    report("input-limit", place_of(event), "more than " + std::to_string(kMaxNodes) + " values", "Split the plan.");
    return false;
  }
  if (is_value && event->type != FYET_ALIAS) refuse_extras(event);
  switch (event->type) {
    case FYET_DOCUMENT_START: start_document(event); return true;
    case FYET_MAPPING_START: return open(Node::Kind::kMap, event);
    case FYET_SEQUENCE_START: return open(Node::Kind::kList, event);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: return close();
    case FYET_ALIAS: {
      report("anchor-or-alias", place_of(event),
             "the alias '*" + text_of(fy_event_get_token(event)) + "' is not allowed in a plan",
             "Write the value out.");
      Node node;
      node.place = place_of(event);
      node.plain = false;
      return add(std::move(node));
    }
    case FYET_SCALAR: {
      Node node;
      node.text = text_of(event->scalar.value);
      node.place = place_of(event);
      node.plain = event->scalar.value == nullptr || fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
      return add(std::move(node));
    }
    default: return true;
  }
}

// What is no text at all never gets to the parser: on some such bytes it does not come back.
bool Builder::is_text() {
  std::size_t bad = valid_utf8_prefix(source_.text);
  for (std::size_t i = 0; i < bad; ++i) {
    unsigned char c = static_cast<unsigned char>(source_.text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) bad = i;
  }
  if (bad == source_.text.size()) return true;
  std::string_view before = std::string_view(source_.text).substr(0, bad);
  int line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
  std::size_t start = before.rfind('\n');
  int column = static_cast<int>(bad - (start == std::string_view::npos ? 0 : start + 1)) + 1;
  findings_.push_back(make_finding("yaml-syntax", {source_.name, line, column, line, column + 1, ""},
                                   "this byte is no character of UTF-8 text", "A plan is UTF-8 text; save the file as that."));
  return false;
}

Node Builder::build() {
  if (!is_text()) {
    Node none;
    none.kind = Node::Kind::kMap;
    none.place = {source_.name, 1, 1, 1, 1, ""};
    return none;
  }
  std::string complaints;
  std::unique_ptr<fy_diag, DiagDelete> diag = make_diag(complaints);
  fy_parse_cfg config{};
  config.diag = diag.get();
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS);
  std::unique_ptr<fy_parser, ParserDelete> parser(fy_parser_create(&config));
  Node empty;
  empty.kind = Node::Kind::kMap;
  empty.place = {source_.name, 1, 1, 1, 1, ""};
  if (!parser || fy_parser_set_string(parser.get(), source_.text.data(), source_.text.size()) != 0) {
    report_syntax(complaints);
    return empty;
  }
  std::size_t before = findings_.size();
  bool more = true;
  while (more) {
    fy_event* event = fy_parser_parse(parser.get());
    if (event == nullptr) break;
    more = event->type != FYET_STREAM_END && take(event);
    fy_parser_event_free(parser.get(), event);
  }
  if (fy_parser_get_stream_error(parser.get())) {
    findings_.resize(before);
    report_syntax(complaints);
    return empty;
  }
  return has_root_ && !root_.is_empty() ? std::move(root_) : empty;
}

}  // namespace

const Member* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

Node parse_yaml(const Source& source, std::vector<Finding>& findings) { return Builder(source, findings).build(); }

}  // namespace hf::plan
