"""How events reach people: transport, fan-out, and who is connected."""
