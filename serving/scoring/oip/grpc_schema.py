"""What Triton's grpc_service.proto says of fields, and of ModelConfig's what a model here has: names, types, numbers.

A field is "type name number". A type begins with "*" when repeated, with "%" when it is the value of a map from
strings; "name|choice" is a member of the oneof ``choice``. A message "A.B" lies within "A". An enum's values count
from 0.
"""

from __future__ import annotations

from typing import Dict

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_NAME = "string name 1, string version 2"
_TENSOR = (
    "string name 1, string datatype 2, *int64 shape 3, %InferParameter parameters 4, InferTensorContents contents 5"
)
_SETTING = (
    "bool bool_param|parameter_choice 1, uint32 uint32_param|parameter_choice 2, string string_param|parameter_choice 3"
)
_LOADING = "string repository_name 1, string model_name 2, %ModelRepositoryParameter parameters 3"
_REGION = "string name 1, string key 2, uint64 offset 3, uint64 byte_size 4"
_DURATIONS = "StatisticDuration compute_input 2, StatisticDuration compute_infer 3, StatisticDuration compute_output 4"

MESSAGES: Dict[str, str] = {
    # Server and model
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live 1",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready 1",
    "ModelReadyRequest": _NAME,
    "ModelReadyResponse": "bool ready 1",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name 1, string version 2, *string extensions 3",
    "ModelMetadataRequest": _NAME,
    "ModelMetadataResponse": (
        "string name 1, *string versions 2, string platform 3,"
        "*ModelMetadataResponse.TensorMetadata inputs 4, *ModelMetadataResponse.TensorMetadata outputs 5"
    ),
    "ModelMetadataResponse.TensorMetadata": "string name 1, string datatype 2, *int64 shape 3",
    # Inference
    "InferParameter": (
        "bool bool_param|parameter_choice 1, int64 int64_param|parameter_choice 2,"
        "string string_param|parameter_choice 3, double double_param|parameter_choice 4,"
        "uint64 uint64_param|parameter_choice 5"
    ),
    "InferTensorContents": (
        "*bool bool_contents 1, *int32 int_contents 2, *int64 int64_contents 3, *uint32 uint_contents 4,"
        "*uint64 uint64_contents 5, *float fp32_contents 6, *double fp64_contents 7, *bytes bytes_contents 8"
    ),
    "ModelInferRequest": (
        "string model_name 1, string model_version 2, string id 3, %InferParameter parameters 4,"
        "*ModelInferRequest.InferInputTensor inputs 5, *ModelInferRequest.InferRequestedOutputTensor outputs 6,"
        "*bytes raw_input_contents 7"
    ),
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": "string name 1, %InferParameter parameters 2",
    "ModelInferResponse": (
        "string model_name 1, string model_version 2, string id 3, %InferParameter parameters 4,"
        "*ModelInferResponse.InferOutputTensor outputs 5, *bytes raw_output_contents 6"
    ),
    "ModelInferResponse.InferOutputTensor": _TENSOR,
    "ModelStreamInferResponse": "string error_message 1, ModelInferResponse infer_response 2",
    # Configuration
    "ModelConfigRequest": _NAME,
    "ModelConfigResponse": "ModelConfig config 1",
    "ModelConfig": (
        "string name 1, string platform 2, string backend 17, string runtime 25, ModelVersionPolicy version_policy 3,"
        "int32 max_batch_size 4, *ModelInput input 5, *ModelOutput output 6, *ModelInstanceGroup instance_group 7,"
        "string default_model_filename 8, %ModelParameter parameters 14,"
        "ModelTransactionPolicy model_transaction_policy 19"
    ),
    "ModelInput": (
        "string name 1, DataType data_type 2, ModelInput.Format format 3, *int64 dims 4, bool is_shape_tensor 6,"
        "bool allow_ragged_batch 7, bool optional 8, bool is_non_linear_format_io 9"
    ),
    "ModelOutput": (
        "string name 1, DataType data_type 2, *int64 dims 3, string label_filename 4, bool is_shape_tensor 6,"
        "bool is_non_linear_format_io 7"
    ),
    "ModelVersionPolicy": (
        "ModelVersionPolicy.Latest latest|policy_choice 1, ModelVersionPolicy.All all|policy_choice 2,"
        "ModelVersionPolicy.Specific specific|policy_choice 3"
    ),
    "ModelVersionPolicy.Latest": "uint32 num_versions 1",
    "ModelVersionPolicy.All": "",
    "ModelVersionPolicy.Specific": "*int64 versions 1",
    "ModelInstanceGroup": (
        "string name 1, int32 count 2, *int32 gpus 3, ModelInstanceGroup.Kind kind 4, *string profile 5,"
        "bool passive 7, string host_policy 9"
    ),
    "ModelParameter": "string string_value 1",
    "ModelTransactionPolicy": "bool decoupled 1",
    # Statistics
    "ModelStatisticsRequest": _NAME,
    "ModelStatisticsResponse": "*ModelStatistics model_stats 1",
    "ModelStatistics": (
        "string name 1, string version 2, uint64 last_inference 3, uint64 inference_count 4, uint64 execution_count 5,"
        "InferStatistics inference_stats 6, *InferBatchStatistics batch_stats 7, *MemoryUsage memory_usage 8,"
        "%InferResponseStatistics response_stats 9"
    ),
    "StatisticDuration": "uint64 count 1, uint64 ns 2",
    "InferStatistics": (
        "StatisticDuration success 1, StatisticDuration fail 2, StatisticDuration queue 3,"
        "StatisticDuration compute_input 4, StatisticDuration compute_infer 5, StatisticDuration compute_output 6,"
        "StatisticDuration cache_hit 7, StatisticDuration cache_miss 8"
    ),
    "InferResponseStatistics": (
        "StatisticDuration compute_infer 1, StatisticDuration compute_output 2, StatisticDuration success 3,"
        "StatisticDuration fail 4, StatisticDuration empty_response 5, StatisticDuration cancel 6"
    ),
    "InferBatchStatistics": f"uint64 batch_size 1, {_DURATIONS}",
    "MemoryUsage": "string type 1, int64 id 2, uint64 byte_size 3",
    # Repository
    "ModelRepositoryParameter": (
        "bool bool_param|parameter_choice 1, int64 int64_param|parameter_choice 2,"
        "string string_param|parameter_choice 3, bytes bytes_param|parameter_choice 4"
    ),
    "RepositoryIndexRequest": "string repository_name 1, bool ready 2",
    "RepositoryIndexResponse": "*RepositoryIndexResponse.ModelIndex models 1",
    "RepositoryIndexResponse.ModelIndex": "string name 1, string version 2, string state 3, string reason 4",
    "RepositoryModelLoadRequest": _LOADING,
    "RepositoryModelLoadResponse": "",
    "RepositoryModelUnloadRequest": _LOADING,
    "RepositoryModelUnloadResponse": "",
    # Shared memory
    "SystemSharedMemoryStatusRequest": "string name 1",
    "SystemSharedMemoryStatusResponse": "%SystemSharedMemoryStatusResponse.RegionStatus regions 1",
    "SystemSharedMemoryStatusResponse.RegionStatus": _REGION,
    "SystemSharedMemoryRegisterRequest": _REGION,
    "SystemSharedMemoryRegisterResponse": "",
    "SystemSharedMemoryUnregisterRequest": "string name 1",
    "SystemSharedMemoryUnregisterResponse": "",
    "CudaSharedMemoryStatusRequest": "string name 1",
    "CudaSharedMemoryStatusResponse": "%CudaSharedMemoryStatusResponse.RegionStatus regions 1",
    "CudaSharedMemoryStatusResponse.RegionStatus": "string name 1, uint64 device_id 2, uint64 byte_size 3",
    "CudaSharedMemoryRegisterRequest": "string name 1, bytes raw_handle 2, int64 device_id 3, uint64 byte_size 4",
    "CudaSharedMemoryRegisterResponse": "",
    "CudaSharedMemoryUnregisterRequest": "string name 1",
    "CudaSharedMemoryUnregisterResponse": "",
    # Settings
    "TraceSettingRequest": "%TraceSettingRequest.SettingValue settings 1, string model_name 2",
    "TraceSettingRequest.SettingValue": "*string value 1",
    "TraceSettingResponse": "%TraceSettingResponse.SettingValue settings 1",
    "TraceSettingResponse.SettingValue": "*string value 1",
    "LogSettingsRequest": "%LogSettingsRequest.SettingValue settings 1",
    "LogSettingsRequest.SettingValue": _SETTING,
    "LogSettingsResponse": "%LogSettingsResponse.SettingValue settings 1",
    "LogSettingsResponse.SettingValue": _SETTING,
}

ENUMS: Dict[str, str] = {
    "DataType": (
        "TYPE_INVALID TYPE_BOOL TYPE_UINT8 TYPE_UINT16 TYPE_UINT32 TYPE_UINT64 TYPE_INT8 TYPE_INT16 TYPE_INT32"
        " TYPE_INT64 TYPE_FP16 TYPE_FP32 TYPE_FP64 TYPE_STRING TYPE_BF16"
    ),
    "ModelInput.Format": "FORMAT_NONE FORMAT_NHWC FORMAT_NCHW",
    "ModelInstanceGroup.Kind": "KIND_AUTO KIND_GPU KIND_CPU KIND_MODEL",
}

# Each takes its name + "Request" and gives its name + "Response".
UNARY_METHODS = (
    "ServerLive ServerReady ModelReady ServerMetadata ModelMetadata ModelInfer ModelConfig ModelStatistics"
    " RepositoryIndex RepositoryModelLoad RepositoryModelUnload"
    " SystemSharedMemoryStatus SystemSharedMemoryRegister SystemSharedMemoryUnregister"
    " CudaSharedMemoryStatus CudaSharedMemoryRegister CudaSharedMemoryUnregister TraceSetting LogSettings"
)
STREAM_METHOD = "ModelStreamInfer"  # a stream of ModelInferRequest to one of ModelStreamInferResponse
