"""Contains all the data models used in inputs/outputs"""

from .algorithm import Algorithm
from .algorithm_family import AlgorithmFamily
from .algorithm_output import AlgorithmOutput
from .area_result import AreaResult
from .area_result_debug_metrics import AreaResultDebugMetrics
from .aux_image import AuxImage
from .aux_image_details import AuxImageDetails
from .aux_image_details_urls import AuxImageDetailsUrls
from .batch import Batch
from .batch_image import BatchImage
from .batch_image_urls import BatchImageUrls
from .batch_request import BatchRequest
from .batch_results_v3 import BatchResultsV3
from .biological_sex import BiologicalSex
from .company_reference import CompanyReference
from .compute_request import ComputeRequest
from .compute_request_v3 import ComputeRequestV3
from .compute_request_v3_app_args import ComputeRequestV3AppArgs
from .compute_result import ComputeResult
from .created_private_token import CreatedPrivateToken
from .dataset import Dataset
from .dataset_connected_applications_item import DatasetConnectedApplicationsItem
from .dataset_reference import DatasetReference
from .dataset_request import DatasetRequest
from .deleted_subjects import DeletedSubjects
from .detection_params import DetectionParams
from .dictionary_item import DictionaryItem
from .error_item import ErrorItem
from .error_item_extra import ErrorItemExtra
from .error_response import ErrorResponse
from .face_skin_metrics_3 import FaceSkinMetrics3
from .face_skin_metrics_3_parameters import FaceSkinMetrics3Parameters
from .face_skin_metrics_3_predicted_images import FaceSkinMetrics3PredictedImages
from .face_skin_metrics_3_predicted_labels import FaceSkinMetrics3PredictedLabels
from .feedback import Feedback
from .feedback_tooltip import FeedbackTooltip
from .image import Image
from .image_result import ImageResult
from .image_type import ImageType
from .image_upload_request import ImageUploadRequest
from .login_request import LoginRequest
from .login_result import LoginResult
from .mask import Mask
from .mask_feature import MaskFeature
from .mask_feature_properties import MaskFeatureProperties
from .mask_geometry import MaskGeometry
from .operation_status import OperationStatus
from .paginated_algorithm_list import PaginatedAlgorithmList
from .paginated_batch_image_list import PaginatedBatchImageList
from .paginated_batch_list import PaginatedBatchList
from .paginated_dataset_list import PaginatedDatasetList
from .paginated_image_list import PaginatedImageList
from .paginated_image_type_list import PaginatedImageTypeList
from .paginated_private_token_list import PaginatedPrivateTokenList
from .paginated_subject_list import PaginatedSubjectList
from .patched_subject_request import PatchedSubjectRequest
from .private_token import PrivateToken
from .private_token_request import PrivateTokenRequest
from .refresh_request import RefreshRequest
from .refreshed_tokens import RefreshedTokens
from .signed_upload import SignedUpload
from .signed_upload_request import SignedUploadRequest
from .signed_upload_urls import SignedUploadUrls
from .signed_url import SignedUrl
from .skin_metric import SkinMetric
from .smoothed_result import SmoothedResult
from .sub_metric_values import SubMetricValues
from .subject import Subject
from .subject_request import SubjectRequest
from .transform_sequence import TransformSequence
from .upload_request_v3 import UploadRequestV3
from .upload_slot_v3 import UploadSlotV3
from .upload_slot_v3_headers import UploadSlotV3Headers
from .upload_url import UploadUrl
from .upload_url_headers import UploadUrlHeaders
from .upload_v3 import UploadV3
from .user_profile import UserProfile
from .user_profile_feature_flags import UserProfileFeatureFlags

__all__ = (
    "Algorithm",
    "AlgorithmFamily",
    "AlgorithmOutput",
    "AreaResult",
    "AreaResultDebugMetrics",
    "AuxImage",
    "AuxImageDetails",
    "AuxImageDetailsUrls",
    "Batch",
    "BatchImage",
    "BatchImageUrls",
    "BatchRequest",
    "BatchResultsV3",
    "BiologicalSex",
    "CompanyReference",
    "ComputeRequest",
    "ComputeRequestV3",
    "ComputeRequestV3AppArgs",
    "ComputeResult",
    "CreatedPrivateToken",
    "Dataset",
    "DatasetConnectedApplicationsItem",
    "DatasetReference",
    "DatasetRequest",
    "DeletedSubjects",
    "DetectionParams",
    "DictionaryItem",
    "ErrorItem",
    "ErrorItemExtra",
    "ErrorResponse",
    "FaceSkinMetrics3",
    "FaceSkinMetrics3Parameters",
    "FaceSkinMetrics3PredictedImages",
    "FaceSkinMetrics3PredictedLabels",
    "Feedback",
    "FeedbackTooltip",
    "Image",
    "ImageResult",
    "ImageType",
    "ImageUploadRequest",
    "LoginRequest",
    "LoginResult",
    "Mask",
    "MaskFeature",
    "MaskFeatureProperties",
    "MaskGeometry",
    "OperationStatus",
    "PaginatedAlgorithmList",
    "PaginatedBatchImageList",
    "PaginatedBatchList",
    "PaginatedDatasetList",
    "PaginatedImageList",
    "PaginatedImageTypeList",
    "PaginatedPrivateTokenList",
    "PaginatedSubjectList",
    "PatchedSubjectRequest",
    "PrivateToken",
    "PrivateTokenRequest",
    "RefreshedTokens",
    "RefreshRequest",
    "SignedUpload",
    "SignedUploadRequest",
    "SignedUploadUrls",
    "SignedUrl",
    "SkinMetric",
    "SmoothedResult",
    "Subject",
    "SubjectRequest",
    "SubMetricValues",
    "TransformSequence",
    "UploadRequestV3",
    "UploadSlotV3",
    "UploadSlotV3Headers",
    "UploadUrl",
    "UploadUrlHeaders",
    "UploadV3",
    "UserProfile",
    "UserProfileFeatureFlags",
)
