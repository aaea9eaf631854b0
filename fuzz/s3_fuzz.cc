// What an object store and its configuration give us to read. The first byte chooses: 0 the XML of an answer; 1 a file of
// profiles; 2 an encoded key; 3 a date.
#include "base/check.h"
#include "base/markup.h"
#include "base/text.h"
#include "remote/aws_profile.h"
#include "remote/sigv4.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

struct Counted {
  std::size_t elements = 0, bytes = 0;
};

std::string write(const XmlElement& e, std::size_t depth, Counted& counted) {
  HF_CHECK(depth <= kXmlDepthLimit);
  ++counted.elements;
  counted.bytes += e.name.size() + e.text.size();
  HF_CHECK(valid_utf8_prefix(e.text) == e.text.size());
  std::string out = "<" + e.name + ">" + markup_escaped(e.text);
  for (const XmlElement& child : e.children) out += write(child, depth + 1, counted);
  return out + "</" + e.name + ">";
}

void parse_answer(std::string_view text) {
  const auto root = parse_xml(text);
  if (!root) return;
  Counted counted;
  const std::string again = write(*root, 1, counted);
  HF_CHECK(counted.elements <= kXmlElementLimit && counted.bytes <= text.size());
  // A name that began with digits or dots after its prefix is not read twice; everything else is.
  const auto second = parse_xml(again);
  Counted same;
  if (second) HF_CHECK(write(*second, 1, same) == again);
}

void decode_key(std::string_view text) {
  const auto key = uri_decode(text);
  if (!key) return;
  HF_CHECK(key->size() <= text.size());
  HF_CHECK(*uri_decode(uri_encode(*key, true)) == *key);
  HF_CHECK(*uri_decode(uri_encode(*key, false)) == *key);
}

}  // namespace
}  // namespace hf::remote

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0) hf::remote::parse_answer(rest);
  if (data[0] == 1) (void)hf::remote::parse_aws_file(rest, "profiles");
  if (data[0] == 2) hf::remote::decode_key(rest);
  if (data[0] == 3) (void)hf::remote::parse_http_date(rest);
  return 0;
}
