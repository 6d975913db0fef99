#include "limequat/wire/agent_id.h"
