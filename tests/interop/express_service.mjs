// The tutorial's own server: one refresh token a person, kept as it is and compared byte for byte. Tokens that are issued within
// one second are the same.
import jwt from "jsonwebtoken";
import * as tutorial from "./tutorial.mjs";
import { ApiError, ApiResponse, asyncHandler, verifyJWT } from "./tutorial.mjs";

const { ACCESS_TOKEN_SECRET, ACCESS_TOKEN_EXPIRY, REFRESH_TOKEN_SECRET, REFRESH_TOKEN_EXPIRY } = process.env;
const options = { httpOnly: true, secure: true };

function generateTokens(user) {
  const { _id, email, username, fullName } = user;
  const accessToken = jwt.sign({ _id, email, username, fullName }, ACCESS_TOKEN_SECRET, { expiresIn: ACCESS_TOKEN_EXPIRY });
  const refreshToken = jwt.sign({ _id }, REFRESH_TOKEN_SECRET, { expiresIn: REFRESH_TOKEN_EXPIRY });
  user.refreshToken = refreshToken;
  return { accessToken, refreshToken };
}

const withTokens = (res, { accessToken, refreshToken }) =>
  res.status(200).cookie("accessToken", accessToken, options).cookie("refreshToken", refreshToken, options);

const loginUser = asyncHandler(async (req, res) => {
  const { email, username, password } = req.body;
  if (!username && !email) throw new ApiError(400, "username or email is required");
  const user = tutorial.findOne({ username, email });
  if (!user) throw new ApiError(404, "User does not exist");
  if (!tutorial.isPasswordCorrect(user, password)) throw new ApiError(401, "Invalid user credentials");
  const tokens = generateTokens(user);
  const data = { user: tutorial.select(user), ...tokens };
  return withTokens(res, tokens).json(new ApiResponse(200, data, "User logged in successfully"));
});

const refreshAccessToken = asyncHandler(async (req, res) => {
  const incoming = req.cookies.refreshToken || req.body.refreshToken;
  if (!incoming) throw new ApiError(401, "Unauthorized request");
  try {
    const decoded = jwt.verify(incoming, REFRESH_TOKEN_SECRET);
    const user = tutorial.findById(decoded?._id);
    if (!user) throw new ApiError(401, "Invalid refresh token");
    if (incoming !== user.refreshToken) throw new ApiError(401, "Refresh token is expired or used");
    // Many copies lose the new refresh token here, by another name for it, and send "undefined": their clients log in anew at
    // the second refresh. No front end could run against that for long.
    const tokens = generateTokens(user);
    return withTokens(res, tokens).json(new ApiResponse(200, tokens, "Access token refreshed"));
  } catch (error) {
    throw new ApiError(401, error?.message || "Invalid refresh token");
  }
});

const logoutUser = asyncHandler(async (req, res) => {
  tutorial.findById(req.user._id).refreshToken = undefined;
  res.status(200).clearCookie("accessToken", options).clearCookie("refreshToken", options);
  return res.json(new ApiResponse(200, {}, "User logged out"));
});

tutorial.serve((users) => {
  users.post("/login", loginUser);
  users.post("/refresh-token", refreshAccessToken);
  users.post("/logout", verifyJWT, logoutUser);
  users.get("/current-user", verifyJWT, tutorial.currentUser);
});
