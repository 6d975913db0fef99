// The checks of device-mapper events in IMA's measurement list.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kDevices[] = {
    {.check = "ima.device_mapper.event",
     .cause = Cause::kTamper,
     .meaning = "The kernel reported a block device in a form that cannot be judged.",
     .causes = "An event that no kernel wrote; a device without the name or uuid by which the "
               "policy tells devices apart (`match_on`); a removal of which the kernel "
               "measured no device.",
     .advice = "Look at the entry with `limequat inspect ima --entries`. Set `match_on` to "
               "what all devices have.",
     .next = "limequat explain AGENT"},
    {.check = "ima.device_mapper.table",
     .cause = Cause::kTamper,
     .meaning = "A block device got a table that no rule of the policy allows.",
     .causes = "Another root hash or another device behind dm-verity, dm-crypt or "
               "dm-integrity: an image that was updated, or exchanged; a device that nobody "
               "wrote a rule for; a second table without `allow_multiple_loads`.",
     .advice = "Compare what the finding says with the image that the machine should have. If "
               "it is an update, add a rule for it to `ima.dm_policy`.",
     .next = "limequat explain AGENT"},
    {.check = "ima.device_mapper.order",
     .cause = Cause::kTamper,
     .meaning = "Something happened to a block device that has no such table.",
     .causes = "Its table was refused before; a device that was set up before the kernel began "
               "to measure; a device that was suspended and resumed with the same table.",
     .advice = "See to the first failure of that device. Begin to measure in the initrd, with "
               "the IMA policy `measure func=CRITICAL_DATA label=device-mapper`.",
     .next = "limequat explain AGENT"},
    {.check = "ima.device_mapper.change",
     .cause = Cause::kTamper,
     .meaning = "A block device was renamed, cleared or removed, and no rule allows that.",
     .causes = "Work on the machine's storage; an intruder who put another device in its place.",
     .advice = "Find out who did it. If it is ordinary there, allow it in the device's rule "
               "(`device_rename`, `device_remove`, `allow_clear`).",
     .next = "limequat explain AGENT"},
    {.check = "ima.device_mapper.target",
     .cause = Cause::kTamper,
     .meaning = "A block device reported a state that its rule does not allow.",
     .causes = "dm-verity found a block that is not what its root hash says (`hash_failed=C`): "
               "a broken disk, or a file system that was changed.",
     .advice = "Take the machine out of use and look at the disk.",
     .next = "limequat explain AGENT"},
    {.check = "ima.device_mapper.required",
     .cause = Cause::kConfiguration,
     .meaning = "A block device that the policy requires is not in use.",
     .causes = "A machine that was started from another image, or that has not come so far "
               "yet; a kernel without CONFIG_DM_VERITY's measurements (before 5.15) or an IMA "
               "policy without `CRITICAL_DATA`. It is judged by each attestation: a device "
               "that is set up later makes it pass.",
     .advice = "Look at how the machine sets up its disks. Take `required` out of the rule if "
               "it may go without.",
     .next = "limequat explain AGENT"},
};

}  // namespace

CheckSection BlockDeviceChecks() {
  return {.title = "Block devices",
          .introduction =
              "What the kernel measures of device-mapper devices, for policies with "
              "rules about them (`ima.dm_policy`).",
          .entries = kDevices};
}

}  // namespace limequat
