#include "limequat/agent/ak_record.h"
