#include "limequat/wire/own_api.h"
