/* SPDX-License-Identifier: Apache-2.0 */
/* What tap/io calls on the frame descriptors that it was given: the component cannot declare it
 * itself. */
#include <sys/socket.h>

#include "host/rule.h"

HOST_SYSCALL(recvmmsg, HOST_INT(3, MSG_DONTWAIT));
HOST_SYSCALL(sendmmsg);
HOST_SYSCALL(recvfrom);
HOST_SYSCALL(sendto);
HOST_SYSCALL(readv);
HOST_SYSCALL(writev);

/* Nothing here is called: the linker is told to want this name (CMakeLists.txt), so that the
 * declarations come out of the archive. */
extern const char host_net_rules;
const char host_net_rules = 1;
