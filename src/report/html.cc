#include "report/html.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>

#include <cstdlib>
#include <memory>

#include "base/markup.h"
#include "report/chart.h"

namespace hf::report {

namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --line: #8886; --good: #2a7f62; --bad: #b3261e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
h1, h2, h3 { line-height: 1.2; margin-top: 2rem; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; }
svg .good { fill: var(--good); } svg .bad { fill: var(--bad); }
svg .axis { stroke: currentColor; } svg .limit { stroke: var(--bad); stroke-dasharray: 4 3; }
section.footnotes { font-size: .85rem; border-top: 1px solid var(--line); margin-top: 3rem; }
@media print { body { max-width: none; } h2 { break-after: avoid; } table, svg { break-inside: avoid; } }
)css";

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

Result<std::string> body_of(const std::string& markdown) {
  cmark_gfm_core_extensions_ensure_registered();
  const int options = CMARK_OPT_FOOTNOTES | CMARK_OPT_VALIDATE_UTF8;
  std::unique_ptr<cmark_parser, void (*)(cmark_parser*)> parser(cmark_parser_new(options), cmark_parser_free);
  for (const char* name : {"table", "tasklist"}) {
    cmark_syntax_extension* extension = cmark_find_syntax_extension(name);
    if (extension == nullptr)
      return make_error(ErrorKind::kUnsupported, std::string("this cmark-gfm has no extension ") + name);
    cmark_parser_attach_syntax_extension(parser.get(), extension);
  }
  cmark_parser_feed(parser.get(), markdown.data(), markdown.size());
  std::unique_ptr<cmark_node, void (*)(cmark_node*)> document(cmark_parser_finish(parser.get()), cmark_node_free);
  std::unique_ptr<char, FreeText> html(
      cmark_render_html(document.get(), options, cmark_parser_get_syntax_extensions(parser.get())));
  return std::string(html.get());
}

}  // namespace

Result<std::string> render_html(const std::string& title, const std::string& markdown,
                                const std::map<std::string, std::string>& charts) {
  HF_ASSIGN(std::string body, body_of(markdown));
  for (const auto& [key, svg] : charts) {
    const std::string paragraph = "<p>" + key + "</p>";
    if (std::size_t at = body.find(paragraph); at != std::string::npos) body.replace(at, paragraph.size(), svg);
  }
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
         "content=\"width=device-width, initial-scale=1\">\n"
         "<title>" +
         markup_escaped(title) + "</title>\n<style>" + std::string(kStyle) + "</style>\n</head>\n<body>\n" + body +
         "</body>\n</html>\n";
}

}  // namespace hf::report
