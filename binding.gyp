{
  "targets": [{
    "target_name": "retemper", "type": "none",
    "actions": [{ "action_name": "cmake", "inputs": [], "outputs": ["build/Release/retemper.node"], "action": ["node_modules/.bin/cmake-js", "build", "-d", "native", "-O", "build"] }]
  }]
}
