/* SPDX-License-Identifier: Apache-2.0 */
/* What tap/io calls on the frame descriptors that it was given: the component cannot declare it itself. */
#include <sys/socket.h>

#include "host/rule.h"

HOST_SYSCALL(recvmmsg, HOST_INT(3, MSG_DONTWAIT));
HOST_SYSCALL(sendmmsg);
HOST_SYSCALL(recvfrom);
HOST_SYSCALL(sendto);
HOST_SYSCALL(readv);
HOST_SYSCALL(writev);
