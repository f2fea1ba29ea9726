#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex_sets.h"

#include <pcre2.h>

#include <map>

namespace msmodelslim {
namespace {

// Category names in full; "" for a binary property, which keeps its name.
const std::map<std::string, std::string>& long_names() {
  static const std::map<std::string, std::string> names = {{"any", ""},
                                                           {"alphabetic", ""},
                                                           {"emoji", ""},
                                                           {"ideographic", ""},
                                                           {"whitespace", ""},
                                                           {"uppercase", ""},
                                                           {"lowercase", ""},
                                                           {"extendedpictographic", ""},
                                                           {"letter", "L"},
                                                           {"casedletter", "L&"},
                                                           {"uppercaseletter", "Lu"},
                                                           {"lowercaseletter", "Ll"},
                                                           {"titlecaseletter", "Lt"},
                                                           {"modifierletter", "Lm"},
                                                           {"otherletter", "Lo"},
                                                           {"mark", "M"},
                                                           {"nonspacingmark", "Mn"},
                                                           {"spacingmark", "Mc"},
                                                           {"enclosingmark", "Me"},
                                                           {"number", "N"},
                                                           {"decimalnumber", "Nd"},
                                                           {"letternumber", "Nl"},
                                                           {"othernumber", "No"},
                                                           {"punctuation", "P"},
                                                           {"connectorpunctuation", "Pc"},
                                                           {"dashpunctuation", "Pd"},
                                                           {"openpunctuation", "Ps"},
                                                           {"closepunctuation", "Pe"},
                                                           {"initialpunctuation", "Pi"},
                                                           {"finalpunctuation", "Pf"},
                                                           {"otherpunctuation", "Po"},
                                                           {"symbol", "S"},
                                                           {"mathsymbol", "Sm"},
                                                           {"currencysymbol", "Sc"},
                                                           {"modifiersymbol", "Sk"},
                                                           {"othersymbol", "So"},
                                                           {"separator", "Z"},
                                                           {"spaceseparator", "Zs"},
                                                           {"lineseparator", "Zl"},
                                                           {"paragraphseparator", "Zp"},
                                                           {"other", "C"},
                                                           {"control", "Cc"},
                                                           {"format", "Cf"},
                                                           {"unassigned", "Cn"},
                                                           {"privateuse", "Co"},
                                                           {"surrogate", "Cs"}};
  return names;
}

}  // namespace

std::string property_name(const std::string& name) {
  if (name.size() <= 2) return name;
  std::string key;
  for (const char c : name)
    if (c != '_' && c != ' ' && c != '-')
      key += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (const auto found = long_names().find(key); found != long_names().end())
    return found->second.empty() ? name : found->second;
#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40
  return "sc:" + name;
#else
  return name;
#endif
}

}  // namespace msmodelslim
