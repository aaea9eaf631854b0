// The XML that S3 answers with: elements and text, nothing more. Strict and bounded, because the bytes are a
// stranger's: no document types, no processing instructions but the first line, no entities but the five and numbers, a
// limit on size, depth and count. Attributes are checked and dropped (S3 has only namespaces in them).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hf::remote {

inline constexpr std::size_t kXmlLimitBytes = 8 << 20;  // a page of 1000 keys of 1 KiB, escaped
inline constexpr std::size_t kXmlDepthLimit = 16;
inline constexpr std::size_t kXmlElementLimit = 50'000;

struct XmlElement {
  std::string name;  // without a prefix
  std::string text;  // of the element itself, entities replaced
  std::vector<XmlElement> children;

  const XmlElement* find(std::string_view child) const;    // the first; nullptr if there is none
  const std::string& value(std::string_view child) const;  // its text; empty if there is none
};

// The root. kCorrupt with the byte where it stops being XML of this kind.
Result<XmlElement> parse_xml(std::string_view text);

}  // namespace hf::remote
