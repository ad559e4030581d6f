"""Which methods Resolve's scripting objects have, in which release, and how many arguments they take.

One word per method: ``Name:least-most`` and what it returns: b bool, l list, d dict, s string, n number, o an object
or None, - nothing. From the method tables of the scripting README of 21.0; the additions of 21.1 come from the
signatures that ship with 21.1.
"""

from __future__ import annotations

from dataclasses import dataclass

_README_21_0 = {
    "ColorGroup": """
        GetClipsInTimeline:0-1l GetName:0-0s GetPostClipNodeGraph:0-0o GetPreClipNodeGraph:0-0o SetName:1-1b
    """,
    "Folder": """
        AnalyzeForIntellisearch:2-2b AnalyzeForSlate:1-1b ClearAudioClassification:0-0b ClearTranscription:0-0b
        Export:1-1b GetClipList:0-0l GetClips:0-0d GetIsFolderStale:0-0b GetName:0-0s GetSubFolderList:0-0l
        GetSubFolders:0-0d GetUniqueId:0-0s PerformAudioClassification:0-0b RemoveMotionBlur:1-1l TranscribeAudio:0-1b
    """,
    "Gallery": """
        CreateGalleryPowerGradeAlbum:0-0o CreateGalleryStillAlbum:0-0o GetAlbumName:1-1s GetCurrentStillAlbum:0-0o
        GetGalleryPowerGradeAlbums:0-0l GetGalleryStillAlbums:0-0l SetAlbumName:2-2b SetCurrentStillAlbum:1-1b
    """,
    "GalleryStillAlbum": """
        DeleteStills:1-1b ExportStills:4-4b GetLabel:1-1s GetStills:0-0l ImportStills:1-1b SetLabel:2-2b
    """,
    "Graph": """
        ApplyArriCdlLut:0-0b ApplyGradeFromDRX:2-2b GetLUT:1-1s GetNodeCacheMode:1-1o GetNodeLabel:1-1s GetNumNodes:0-0n
        GetToolsInNode:1-1l ResetAllGrades:0-0b SetLUT:2-2b SetNodeCacheMode:2-2b SetNodeEnabled:2-2b
    """,
    "MediaPool": """
        AddSubFolder:2-2o AppendToTimeline:1-9l AutoSyncAudio:2-2b CreateEmptyTimeline:1-1o CreateTimelineFromClips:2-9o
        DeleteClipMattes:2-2b DeleteClips:1-1b DeleteFolders:1-1b DeleteTimelines:1-1b ExportMetadata:1-2b
        GetClipMatteList:1-1l GetCurrentFolder:0-0o GetRootFolder:0-0o GetSelectedClips:0-0l GetTimelineMatteList:1-1l
        GetUniqueId:0-0s ImportFolderFromFile:1-2b ImportMedia:1-1l ImportTimelineFromFile:1-2o MoveClips:2-2b
        MoveFolders:2-2b RefreshFolders:0-0b RelinkClips:2-2b SetCurrentFolder:1-1b SetSelectedClip:1-1b
        UnlinkClips:1-1b
    """,
    "MediaPoolItem": """
        AddFlag:1-1b AddMarker:5-6b AnalyzeForIntellisearch:2-2b AnalyzeForSlate:1-1b ClearAudioClassification:0-0b
        ClearClipColor:0-0b ClearFlags:1-1b ClearMarkInOut:0-1b ClearTranscription:0-0b DeleteMarkerAtFrame:1-1b
        DeleteMarkerByCustomData:1-1b DeleteMarkersByColor:1-1b GetAudioMapping:0-0s GetClipColor:0-0s
        GetClipProperty:0-1s GetFlagList:0-0l GetFlags:0-0d GetMarkInOut:0-0d GetMarkerByCustomData:1-1d
        GetMarkerCustomData:1-1s GetMarkers:0-0d GetMediaId:0-0s GetMetadata:0-1s GetName:0-0s
        GetThirdPartyMetadata:0-1s GetTimeline:0-0o GetUniqueId:0-0s LinkFullResolutionMedia:1-1b LinkProxyMedia:1-1b
        MonitorGrowingFile:0-0b PerformAudioClassification:0-0b RemoveMotionBlur:1-1o ReplaceClip:1-1b
        ReplaceClipPreserveSubClip:1-1b SetClipColor:1-1b SetClipProperty:2-2b SetMarkInOut:2-3b SetMetadata:1-2b
        SetName:1-1b SetThirdPartyMetadata:1-2b TranscribeAudio:0-1b UnlinkProxyMedia:0-0b UpdateMarkerCustomData:2-2b
    """,
    "MediaStorage": """
        AddClipMattesToMediaPool:3-3b AddItemListToMediaPool:1-9l AddItemsToMediaPool:1-9d
        AddTimelineMattesToMediaPool:1-1l GetFileList:1-1l GetFiles:1-1d GetMountedVolumeList:0-0l
        GetMountedVolumes:0-0d GetSubFolderList:1-1l GetSubFolders:1-1d RevealInStorage:1-1b
    """,
    "Project": """
        AddColorGroup:1-1o AddRenderJob:0-0s ApplyFairlightPresetToCurrentTimeline:1-1b DeleteAllRenderJobs:0-0b
        DeleteColorGroup:1-1b DeleteRenderJob:1-1b DeleteRenderJobByIndex:1-1b DeleteRenderPreset:1-1b
        ExportCurrentFrameAsStill:1-1b GenerateSpeech:2-2o GetColorGroupsList:0-0l GetCurrentRenderFormatAndCodec:0-0d
        GetCurrentRenderMode:0-0n GetCurrentTimeline:0-0o GetGallery:0-0o GetMediaPool:0-0o GetName:0-0s
        GetPresetList:0-0l GetPresets:0-0d GetQuickExportRenderPresets:0-0l GetRenderCodecs:1-1d GetRenderFormats:0-0d
        GetRenderJobList:0-0l GetRenderJobStatus:1-1d GetRenderJobs:0-0d GetRenderPresetList:0-0l GetRenderPresets:0-0d
        GetRenderResolutions:2-2l GetSetting:0-1s GetTimelineByIndex:1-1o GetTimelineCount:0-0n GetUniqueId:0-0s
        IsRenderingInProgress:0-0b LoadBurnInPreset:1-1b LoadRenderPreset:1-1b RefreshLUTList:0-0b
        RenderWithQuickExport:2-2d ResetIntellisearchAnalysis:0-0b SaveAsNewRenderPreset:1-1b
        SetCurrentRenderFormatAndCodec:2-2b SetCurrentRenderMode:1-1b SetCurrentTimeline:1-1b SetName:1-1b
        SetPreset:1-1b SetRenderSettings:1-1b SetSetting:2-2b StartRendering:0-9b StopRendering:0-0-
    """,
    "ProjectManager": """
        CloseProject:1-1b CreateCloudProject:1-1o CreateFolder:1-1b CreateProject:1-2o DeleteFolder:1-1b
        DeleteProject:1-1b ExportProject:2-3b GetCurrentDatabase:0-0d GetCurrentFolder:0-0s GetCurrentProject:0-0o
        GetDatabaseList:0-0l GetFolderListInCurrentFolder:0-0l GetFoldersInCurrentFolder:0-0d
        GetProjectAttributesInCurrentFolder:0-0d GetProjectListInCurrentFolder:0-0l GetProjectsInCurrentFolder:0-0d
        GotoParentFolder:0-0b GotoRootFolder:0-0b ImportCloudProject:2-2b ImportProject:1-2b LoadCloudProject:1-1o
        LoadProject:1-1o OpenFolder:1-1b RestoreCloudProject:2-2b RestoreProject:1-2b SaveProject:0-0b
        SetCurrentDatabase:1-1b
    """,
    "Resolve": """
        DeleteBurnInPreset:1-1b DeleteLayoutPreset:1-1b DeleteUserPreferencesPreset:1-1b
        DisableBackgroundTasksForCurrentResolveSession:0-0- ExportBurnInPreset:2-2b ExportLayoutPreset:2-2b
        ExportRenderPreset:2-2b ExportUserPreferencesPreset:2-2b Fusion:0-0o GetBurnInPresetList:0-0l
        GetCurrentPage:0-0s GetFairlightPresets:0-0l GetKeyframeMode:0-0o GetLayoutPresetList:0-0l GetMediaStorage:0-0o
        GetProductName:0-0s GetProjectManager:0-0o GetUserPreferencesPresetList:0-0l GetVersion:0-0l
        GetVersionString:0-0s ImportBurnInPreset:1-1b ImportLayoutPreset:1-2b ImportRenderPreset:1-1b
        ImportUserPreferencesPreset:1-2b LoadLayoutPreset:1-1b LoadUserPreferencesPreset:1-1b OpenPage:1-1b Quit:0-0-
        SaveLayoutPreset:1-1b SaveUserPreferencesPreset:1-1b SetKeyframeMode:1-1b UpdateLayoutPreset:1-1b
    """,
    "Timeline": """
        AddMarker:5-6b AddTrack:1-2b ClearMarkInOut:0-1b ConvertTimelineToStereo:0-0b CreateCompoundClip:2-2o
        CreateFusionClip:1-1o CreateSubtitlesFromAudio:1-1b DeleteClips:1-2b DeleteMarkerAtFrame:1-1b
        DeleteMarkerByCustomData:1-1b DeleteMarkersByColor:1-1b DeleteTrack:2-2b DetectSceneCuts:0-0b
        DuplicateTimeline:1-1o Export:2-3b GetCurrentClipThumbnailImage:0-0d GetCurrentTimecode:0-0s
        GetCurrentVideoItem:0-0o GetEndFrame:0-0n GetIsTrackEnabled:2-2b GetIsTrackLocked:2-2b GetItemListInTrack:2-2l
        GetItemsInTrack:2-2d GetMarkInOut:0-0d GetMarkerByCustomData:1-1d GetMarkerCustomData:1-1s GetMarkers:0-0d
        GetMediaPoolItem:0-0o GetName:0-0s GetNodeGraph:0-0o GetSelectedClips:0-0l GetSetting:0-1s GetStartFrame:0-0n
        GetStartTimecode:0-0s GetTrackCount:1-1n GetTrackName:2-2s GetTrackSubType:2-2s GetUniqueId:0-0s
        GetVoiceIsolationState:1-1d GrabAllStills:1-1l GrabStill:0-0o ImportIntoTimeline:1-2b
        InsertFusionCompositionIntoTimeline:0-0o InsertFusionGeneratorIntoTimeline:1-1o
        InsertFusionTitleIntoTimeline:1-1o InsertGeneratorIntoTimeline:1-1o InsertOFXGeneratorIntoTimeline:1-1o
        InsertTitleIntoTimeline:1-1o SetClipsLinked:2-2b SetCurrentTimecode:1-1b SetMarkInOut:2-3b SetName:1-1b
        SetSetting:2-2b SetStartTimecode:1-1b SetTrackEnable:3-3b SetTrackLock:3-3b SetTrackName:3-3b
        SetVoiceIsolationState:2-2b UpdateMarkerCustomData:2-2b
    """,
    "TimelineItem": """
        AddFlag:1-1b AddFusionComp:0-0o AddMarker:5-6b AddTake:3-3b AddVersion:2-2b AssignToColorGroup:1-1b
        ClearClipColor:0-0b ClearFlags:1-1b CopyGrades:1-1b CreateMagicMask:1-1b DeleteFusionCompByName:1-1b
        DeleteMarkerAtFrame:1-1b DeleteMarkerByCustomData:1-1b DeleteMarkersByColor:1-1b DeleteTakeByIndex:1-1b
        DeleteVersionByName:2-2b ExportFusionComp:2-2b ExportLUT:2-2b FinalizeTake:0-0b GetClipColor:0-0s
        GetClipEnabled:0-0b GetColorGroup:0-0o GetCurrentVersion:0-0d GetDuration:0-1n GetEnd:0-1n GetFlagList:0-0l
        GetFlags:0-0d GetFusionCompByIndex:1-1o GetFusionCompByName:1-1o GetFusionCompCount:0-0n
        GetFusionCompNameList:0-0l GetFusionCompNames:0-0d GetIsColorOutputCacheEnabled:0-0o
        GetIsFusionOutputCacheEnabled:0-0o GetLUT:1-1s GetLeftOffset:0-1n GetLinkedItems:0-0l GetMarkerByCustomData:1-1d
        GetMarkerCustomData:1-1s GetMarkers:0-0d GetMediaPoolItem:0-0o GetName:0-0s GetNodeGraph:0-1o GetNodeLabel:1-1s
        GetNumNodes:0-0n GetProperty:0-1n GetRightOffset:0-1n GetSelectedTakeIndex:0-0n
        GetSourceAudioChannelMapping:0-0s GetSourceEndFrame:0-0n GetSourceEndTime:0-0n GetSourceStartFrame:0-0n
        GetSourceStartTime:0-0n GetStart:0-1n GetStereoConvergenceValues:0-0d GetStereoLeftFloatingWindowParams:0-0d
        GetStereoRightFloatingWindowParams:0-0d GetTakeByIndex:1-1d GetTakesCount:0-0n GetTrackTypeAndIndex:0-0l
        GetUniqueId:0-0s GetVersionNameList:1-1l GetVersionNames:1-1d GetVoiceIsolationState:0-0d ImportFusionComp:1-1o
        LoadBurnInPreset:1-1b LoadFusionCompByName:1-1o LoadVersionByName:2-2b RegenerateMagicMask:0-0b
        RemoveFromColorGroup:0-0b RenameFusionCompByName:2-2b RenameVersionByName:3-3b ResetAllNodeColors:0-0b
        SelectTakeByIndex:1-1b SetCDL:1-1b SetClipColor:1-1b SetClipEnabled:1-1b SetColorOutputCache:1-1b
        SetFusionOutputCache:1-1b SetLUT:2-2b SetName:1-1b SetProperty:2-2b SetVoiceIsolationState:1-1b
        SmartReframe:0-0b Stabilize:0-0b UpdateMarkerCustomData:2-2b UpdateSidecar:0-0b
    """,
}

_ADDED = {
    (20, 0): {
        "Timeline": "GetMarkInOut SetMarkInOut ClearMarkInOut",
        "MediaPoolItem": "GetMarkInOut SetMarkInOut ClearMarkInOut",
    },
    (21, 0): {
        "Timeline": "GetSelectedClips",
        "MediaPoolItem": "GetTimeline",
        "Resolve": "GetUserPreferencesPresetList LoadUserPreferencesPreset SaveUserPreferencesPreset "
        "DeleteUserPreferencesPreset ImportUserPreferencesPreset ExportUserPreferencesPreset",
    },
}
"""First release that has these methods of the table above."""

_README_21_1 = {
    "Resolve": "IsStudio:0-0b GetCurrentProject:0-0o GetCurrentTimeline:0-0o GetMediaPool:0-0o",
    "Project": "GetSettings:0-0d SetSettings:1-1b",
    "Timeline": "GetSettings:0-0d SetSettings:1-1b",
    "TimelineItem": "GetType:0-0s GetSpeed:0-0d GetFades:0-0d SetFades:1-1b AddTransition:1-1b",
}

NEUTRAL = {"b": False, "l": [], "d": {}, "s": "", "n": 0, "o": None, "-": None}
"""What a method answers when it refuses."""


@dataclass(frozen=True)
class Method:
    """Least and most arguments, and the letter of what it returns."""

    least: int
    most: int
    returns: str


def methods(release: tuple[int, int]) -> dict[str, dict[str, Method]]:
    """Class -> method -> signature, as ``release`` (major, minor) has them."""
    table = {kind: _parsed(text) for kind, text in _README_21_0.items()}
    for since, kinds in _ADDED.items():
        if release < since:
            for kind, names in kinds.items():
                for name in names.split():
                    del table[kind][name]
    if release >= (21, 1):
        for kind, text in _README_21_1.items():
            table[kind] |= _parsed(text)
    return table


def _parsed(text: str) -> dict[str, Method]:
    found = {}
    for word in text.split():
        name, signature = word.split(":")
        least, most = signature[:-1].split("-", 1) if signature[-1] != "-" else signature[:-1].split("-")
        found[name] = Method(int(least), int(most), signature[-1])
    return found
