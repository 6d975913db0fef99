#include "limequat/wire/attestation.h"
