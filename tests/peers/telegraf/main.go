// Loads a Telegraf configuration the way Telegraf does, prepares its OPC UA inputs without connecting, and prints the
// NodeIds that they would ask for: one JSON object per input.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs/opcua_listener"
)

type said struct {
	Endpoint string   `json:"endpoint"`
	Nodes    []string `json:"nodes"`
	Names    []string `json:"names"`
}

func main() {
	loaded := config.NewConfig()
	if err := loaded.LoadConfig(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, input := range loaded.Inputs {
		if err := input.Init(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		listener := input.Input.(*opcua_listener.OpcUaListener)
		found := said{Endpoint: listener.Endpoint}
		for _, node := range listener.RootNodes {
			found.Nodes = append(found.Nodes, node.NodeID())
			found.Names = append(found.Names, node.FieldName)
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			os.Exit(1)
		}
	}
}
