#include "cli/recovery_kit.h"

#include <qrencode.h>

#include <memory>

namespace hf::cli {

namespace {

constexpr int kQuietModules = 4;  // ISO/IEC 18004: the margin that a scanner needs

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// Two rows of modules become one line of text.
std::string draw(const QRcode& code) {
  auto dark = [&](int x, int y) {
    x -= kQuietModules;
    y -= kQuietModules;
    return x >= 0 && y >= 0 && x < code.width && y < code.width && (code.data[y * code.width + x] & 1) != 0;
  };
  const int side = code.width + 2 * kQuietModules;
  std::string out;
  for (int y = 0; y < side; y += 2) {
    std::string line;
    for (int x = 0; x < side; ++x) {
      const bool above = dark(x, y), below = dark(x, y + 1);
      line += above && below ? "█" : above ? "▀" : below ? "▄" : " ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

Result<std::string> qr_code(const std::string& text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString(upper(text).c_str(), 0, QR_ECLEVEL_M, QR_MODE_8, 1), &QRcode_free);
  if (!code) return errno_error(errno, "drawing the QR code", "recovery kit");
  return draw(*code);
}

}  // namespace

Result<std::string> kit_page(const KitFacts& facts, const vault::RecoveryKit& kit) {
  const std::string key = vault::kit_text(kit);
  HF_ASSIGN(const std::string qr, qr_code(key));
  return "HOLDFAST RECOVERY KIT\n"
         "\n"
         "vault  " +
         facts.vault_id +
         "\n"
         "at     " +
         facts.url +
         "\n"
         "made   " +
         format_time(facts.made) + " on " + facts.host +
         "\n"
         "\n"
         "Whoever holds this can read everything in the vault and change who else can. Keep it off line, in two "
         "places.\n"
         "\n" +
         key +
         "\n"
         "\n"
         "To restore with nothing but this: install Holdfast, write the line above into a file kit.txt, then\n"
         "\n"
         "  holdfast backup list --vault " +
         facts.url +
         " --key-file kit.txt\n"
         "  holdfast restore --vault " +
         facts.url +
         " --key-file kit.txt --snapshot latest --to /restored\n"
         "\n"
         "Prove it now and then:\n"
         "\n"
         "  holdfast vault key rehearse --vault " +
         facts.url +
         " --kit kit.txt\n"
         "\n" +
         qr;
}

}  // namespace hf::cli
