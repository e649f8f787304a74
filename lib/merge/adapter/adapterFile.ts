/** The file of an adapter's tensors, as PEFT names it. */
export const ADAPTER_FILE = "adapter_model.safetensors";
