# SPDX-License-Identifier: Apache-2.0
# What is typed on the console comes back and is kept.
stty -echo
echo "ready"
read -r line
echo "got <$line>"
echo "$line" > /result/typed
