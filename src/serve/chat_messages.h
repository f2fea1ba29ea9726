#pragma once
// The "messages" and "tools" of a chat request, as chat templates want them.

#include <string>
#include <vector>

#include "base/json.h"

namespace msmodelslim {

// Parts of a content that is a list become the text they hold; images and sounds are refused.
// Arguments of earlier tool calls, which the API has as texts, become objects. Throws ApiError.
Json read_messages(const Json& body);

// As they are; null when there are none. Throws ApiError when one is no function.
Json read_tools(const Json& body);
std::vector<std::string> tool_names(const Json& tools);

// Messages with the arguments of tool calls as texts again: some templates put them together so.
Json with_argument_texts(const Json& messages);

}  // namespace msmodelslim
