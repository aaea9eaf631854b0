#include "remote/xml.h"

#include <optional>

#include "base/text.h"

namespace hf::remote {
namespace {

constexpr std::size_t kNameLimitBytes = 128;
constexpr std::size_t kEntityLimitBytes = 10;  // between & and ;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
}

// XML 1.0, section 2.2, without surrogates.
bool is_character(std::uint32_t c) {
  return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xd800) || (c >= 0xe000 && c < 0xfffe) ||
         (c >= 0x10000 && c < 0x110000);
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

std::optional<std::uint32_t> character_of(std::string_view entity) {
  if (entity == "lt") return '<';
  if (entity == "gt") return '>';
  if (entity == "amp") return '&';
  if (entity == "quot") return '"';
  if (entity == "apos") return '\'';
  std::optional<std::uint32_t> number;
  if (entity.starts_with("#x"))
    number = parse_whole<std::uint32_t>(entity.substr(2), 16);
  else if (entity.starts_with("#"))
    number = parse_whole<std::uint32_t>(entity.substr(1));
  return number && is_character(*number) ? number : std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<XmlElement> document() {
    if (text_.size() > kXmlLimitBytes) return bad("it is larger than any answer of a store");
    if (valid_utf8_prefix(text_) != text_.size()) return bad("it is not UTF-8");
    (void)take("\xef\xbb\xbf");
    if (take("<?xml")) {
      const std::size_t end = text_.find("?>", at_);
      if (end == std::string_view::npos) return bad("its first line does not end");
      at_ = end + 2;
    }
    skip_blanks();
    HF_ASSIGN(XmlElement root, element(1));
    skip_blanks();
    if (at_ != text_.size()) return bad("something follows its end");
    return root;
  }

 private:
  Error bad(std::string_view why) const {
    return make_error(ErrorKind::kCorrupt,
                      "the answer is not the XML of a store, at byte " + std::to_string(at_) + ": " + std::string(why));
  }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  Result<std::string> name() {
    const std::size_t begin = at_;
    if (!is_name_start(peek())) return bad("a name was expected");
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    if (at_ - begin > kNameLimitBytes) return bad("a name is too long");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status entity(std::string& out) {
    const std::size_t end = text_.substr(at_, kEntityLimitBytes + 1).find(';');
    const auto c = end == std::string_view::npos ? std::nullopt : character_of(text_.substr(at_, end));
    if (!c) return bad("an entity that is none");
    append_utf8(out, *c);
    at_ += end + 1;
    return ok();
  }

  // Up to `stop`, which stays.
  Result<std::string> text_until(char stop) {
    std::string out;
    while (at_ < text_.size() && text_[at_] != stop) {
      const char c = text_[at_++];
      if (c == '&')
        HF_TRY(entity(out));
      else if (c == '<' || !is_character(static_cast<unsigned char>(c)))
        return bad("a character that may not be there");
      else
        out += c;
    }
    return out;
  }

  // Attributes up to the '>' or "/>" that ends a start tag; true for "/>".
  Result<bool> rest_of_start_tag() {
    while (true) {
      const bool apart = is_blank(peek());
      skip_blanks();
      if (take("/>")) return true;
      if (take(">")) return false;
      if (!apart) return bad("a tag does not end");
      HF_TRY(name());
      if (!take("=")) return bad("an attribute has no value");
      const char quote = peek();
      if (quote != '"' && quote != '\'') return bad("an attribute's value has no quotes");
      ++at_;
      HF_TRY(text_until(quote));
      if (peek() != quote) return bad("an attribute does not end");
      ++at_;
    }
  }

  Result<XmlElement> element(std::size_t depth) {
    if (depth > kXmlDepthLimit) return bad("it is too deep");
    if (++elements_ > kXmlElementLimit) return bad("it has too many elements");
    if (!take("<")) return bad("an element was expected");
    HF_ASSIGN(const std::string tag, name());
    HF_ASSIGN(const bool empty, rest_of_start_tag());
    XmlElement out;
    const std::size_t colon = tag.rfind(':');
    out.name = colon == std::string::npos ? tag : tag.substr(colon + 1);
    while (!empty) {
      HF_ASSIGN(const std::string piece, text_until('<'));
      out.text += piece;
      if (take("</")) {
        if (!take(tag)) return bad("an element ends with another's name");
        skip_blanks();
        if (!take(">")) return bad("a tag does not end");
        break;
      }
      HF_ASSIGN(XmlElement child, element(depth + 1));
      out.children.push_back(std::move(child));
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  for (const XmlElement& c : children) {
    if (c.name == child) return &c;
  }
  return nullptr;
}

const std::string& XmlElement::value(std::string_view child) const {
  static const std::string none;
  const XmlElement* found = find(child);
  return found == nullptr ? none : found->text;
}

Result<XmlElement> parse_xml(std::string_view text) { return Parser(text).document(); }

}  // namespace hf::remote
